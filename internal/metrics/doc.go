// Package metrics writes what a run measures: metrics.jsonl for programs, and
// TensorBoard event files for eyes.
//
// # metrics.jsonl
//
// One JSON object a line, its kind first, its keys always in the same order:
//
//	{"kind":"train","step","loss","mlm_loss","nsp_loss","lr","grad_norm","tokens_per_second","flops"}
//	{"kind":"eval","step","mlm_loss","mlm_accuracy","nsp_loss","nsp_accuracy"}
//	{"kind":"test","step","mlm_loss","mlm_accuracy","nsp_loss","nsp_accuracy"}
//	{"kind":"topology","step","update","prune_ratio","pruned","explored_dof","removed_new_ratio",
//	"turnover","mean_age","empty_rows","empty_cols","seconds"}
//	{"kind":"tensor","step","tensor","pruned","explored_dof","removed_new_ratio","turnover","mean_age",
//	"empty_rows","empty_cols"}
//	{"kind":"picture","step","tensor","rows","cols","cells"}
//	{"kind":"cost","step","seconds","data_seconds","step_seconds","update_seconds","eval_seconds",
//	"save_seconds","host_bytes","device_bytes"}
//
// Numbers are the shortest text that reads back as the same float64, so equal
// runs give equal bytes, but for the columns that depend on the machine,
// tokens_per_second, mfu, seconds_left, seconds and those of cost: see [Comparable].
//
// The removed_new_ratio of an update that pruned nothing is null. Behind the keys above
// come those that files of older versions do not have: tokens_per_weight,
// predictions_per_weight, mfu and seconds_left of train; of topology and tensor active,
// positions, newborn_share, removed_new_dense, start_share, survival_1, survival_2,
// survival_4, survival_8, newborn_norm and ablated_rows; sent_bytes of cost. They are left out where they have no value.
//
// A record of step N must be written, and [Log.Sync] called, before the
// checkpoint of step N is saved. Then a resumed run first calls
// [TruncateAfter] with the checkpoint's step, and its file goes on as if the
// run had never been interrupted.
//
// # TensorBoard
//
// [Events] writes events.out.tfevents.* files: TFRecord frames that hold Event
// protocol buffers. A resumed run opens a new file in the same folder.
package metrics
