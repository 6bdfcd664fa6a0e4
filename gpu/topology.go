package gpu

// topologyManager updates the topologies of all sparse parameters on the device.
type topologyManager struct{}

func (b *Backend) startTopology() error { return nil }

// register adds a sparse parameter to the manager's table.
func (b *Backend) register(p *param) {}

// topologyErrors fails the backend when an update met an error on the device.
func (b *Backend) topologyErrors() {}
