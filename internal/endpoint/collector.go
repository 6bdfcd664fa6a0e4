package endpoint

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// namespace begins every name.
const namespace = "sparsebert"

// helps says what the numbers are, by the name that follows the namespace.
var helps = map[string]string{
	"step":  "Finished optimizer steps.",
	"steps": "Optimizer steps of the whole run.",
	"loss":  "Loss of the last step, MLM and NSP together, in nats.",

	"train_step":                   "Step of the last log line, which the other train numbers are of.",
	"train_loss":                   "Training loss, MLM and NSP together, in nats.",
	"train_mlm_loss":               "Training loss of masked tokens, in nats.",
	"train_nsp_loss":               "Training loss of the next-sentence task, in nats.",
	"train_lr":                     "Learning rate.",
	"train_grad_norm":              "L2 norm of all gradients before clipping.",
	"train_tokens_per_second":      "Tokens a second, padding included.",
	"train_flops":                  "FLOPs since the start by the paper's count.",
	"train_growth_flops":           "FLOPs since the start of dense gradients for growth, which the paper's count leaves out.",
	"train_tokens_per_weight":      "Tokens since the start over the active weights of the encoder.",
	"train_predictions_per_weight": "Masked positions since the start over the active weights of the encoder.",
	"train_mfu":                    "Model FLOP utilization: FLOPs a second over the device's peak.",
	"train_seconds_left":           "Seconds that the remaining steps take at the present speed.",

	"eval_step":         "Step of the last evaluation.",
	"eval_mlm_loss":     "Loss of masked tokens of the validation text, in nats.",
	"eval_mlm_accuracy": "Share of masked tokens of the validation text whose likeliest word is right.",
	"eval_nsp_loss":     "Loss of the next-sentence task on the validation text, in nats.",
	"eval_nsp_accuracy": "Share of the validation text's pairs that are told right.",

	"topology_step":              "Step of the last topology update.",
	"topology_update":            "Number of the last topology update.",
	"topology_prune_ratio":       "Pruning ratio of the last update.",
	"topology_pruned":            "Blocks that the last update moved.",
	"topology_explored_dof":      "Share of the dense weights that were active at some time.",
	"topology_removed_new_ratio": "Share of the pruned blocks that the update before had grown.",
	"topology_turnover":          "Share of the active blocks that the update replaced.",
	"topology_mean_age":          "Steps since an active block was born, mean.",
	"topology_empty_rows":        "Block rows without an active block.",
	"topology_empty_cols":        "Block columns without an active block.",
	"topology_ablated_rows":      "Block rows from which the update took all blocks, by neuron ablation.",
	"topology_seconds":           "Seconds of the whole step of the last update.",
	"topology_active":            "Active blocks.",
	"topology_positions":         "Blocks of the dense weights.",
	"topology_newborn_share":     "Newborns over the active blocks: the chance level of removed_new_ratio.",
	"topology_removed_new_dense": "Pruned newborns over the blocks of the dense weights.",
	"topology_start_share":       "Share of the active blocks that are active since the start.",
	"topology_survival_1":        "Share of the blocks grown one update ago that are still active.",
	"topology_survival_2":        "Share of the blocks grown two updates ago that are still active.",
	"topology_survival_4":        "Share of the blocks grown four updates ago that are still active.",
	"topology_survival_8":        "Share of the blocks grown eight updates ago that are still active.",
	"topology_newborn_norm":      "Mean norm of the newborns over the pruning threshold.",

	"cost_step":           "Step up to which the time is accounted for.",
	"cost_seconds":        "Seconds since the account before.",
	"cost_data_seconds":   "Of these, seconds of waiting for batches.",
	"cost_step_seconds":   "Of these, seconds of steps without a topology update.",
	"cost_update_seconds": "Of these, seconds of steps with one.",
	"cost_eval_seconds":   "Of these, seconds of evaluations.",
	"cost_save_seconds":   "Of these, seconds of checkpoints.",
	"cost_host_bytes":     "Largest resident memory of the process so far.",
	"cost_device_bytes":   "Memory that the device has given out.",
	"cost_sent_bytes":     "Bytes sent to the other processes of the run since the account before.",
}

// descriptions are those of all numbers by name, and of info.
var descriptions = describe()

func describe() map[string]*prometheus.Desc {
	all := map[string]*prometheus.Desc{
		"info": prometheus.NewDesc(namespace+"_info", "What the run is.", []string{"model", "method", "device"}, nil),
	}
	for name, help := range helps {
		all[name] = prometheus.NewDesc(namespace+"_"+name, help, nil, nil)
	}
	return all
}

// collector hands an endpoint's numbers to a scrape.
type collector struct{ e *Endpoint }

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	put := func(name string, v float64) {
		if d := descriptions[name]; d != nil && !math.IsNaN(v) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
		}
	}
	if info := c.e.info.Load(); info != nil {
		to <- *info
	}
	put("step", math.Float64frombits(c.e.step.Load()))
	put("steps", math.Float64frombits(c.e.steps.Load()))
	put("loss", math.Float64frombits(c.e.loss.Load()))
	for name, v := range *c.e.values.Load() {
		put(name, v)
	}
}
