package group

// buffer is one of the four of rank i, made when it is first needed.
func (g *group) buffer(i, k int) ([]byte, error) {
	b := &g.peers[i].pieces[k]
	if len(*b) < piece {
		fresh, err := g.port.Memory(piece)
		if err != nil {
			return nil, err
		}
		*b = fresh
	}
	return *b, nil
}

// sendPieces begins to send the first pieces to rank i.
func (g *group) sendPieces(i int) error {
	q := &g.peers[i]
	for k := 0; k < 2 && q.sent < len(q.send.Host) && !g.held; k++ {
		if err := g.sendPiece(i, k); err != nil {
			return err
		}
	}
	return nil
}

// sendPiece begins the next piece to rank i by its buffer k, 0 or 1.
func (g *group) sendPiece(i, k int) error {
	q := &g.peers[i]
	b, err := g.buffer(i, k)
	if err != nil {
		return err
	}
	n := copy(b[:piece], q.send.Host[q.sent:])
	q.sent += n
	q.sending++
	return g.port.Send(i*slotsEach+bodyOut+k, i, BodyTag, b[:n])
}

// receivePiece begins to wait for the next piece of rank i in its buffer k, 0 or 1.
func (g *group) receivePiece(i, k int) error {
	q := &g.peers[i]
	b, err := g.buffer(i, 2+k)
	if err != nil {
		return err
	}
	n := min(piece, len(q.recv.Host)-q.posted)
	q.posted += n
	return g.port.Receive(i*slotsEach+bodyIn+k, i, BodyTag, b[:n])
}

// receivePieces begins to wait for the first pieces of rank i.
func (g *group) receivePieces(i int) error {
	q := &g.peers[i]
	for k := 0; k < 2 && q.posted < len(q.recv.Host) && !g.held; k++ {
		if err := g.receivePiece(i, k); err != nil {
			return err
		}
	}
	return nil
}

// takePieces copies what has come from rank i. Pieces are taken in order: piece number j is in
// buffer j mod 2, and of two that are through the later one may be reported first.
func (g *group) takePieces(i int) error {
	q := &g.peers[i]
	for k := q.arrived / piece % 2; q.ready[k]; k = 1 - k {
		n := min(piece, len(q.recv.Host)-q.arrived)
		copy(q.recv.Host[q.arrived:], q.pieces[2+k][:n])
		q.arrived += n
		q.ready[k] = false
		if q.posted < len(q.recv.Host) {
			if err := g.receivePiece(i, k); err != nil {
				return err
			}
		}
	}
	return nil
}
