// Package checkpoint keeps named tensors and a small state record on disk so
// that a run can be killed at any moment, on a full disk too, and a good
// checkpoint is still found. It knows nothing of BERT.
//
// # Layout
//
//	RUN/checkpoints/step-N/
//	    model.safetensors, optimizer.safetensors, ...   tensors
//	    trainer.json                                    manifest and state
//
// trainer.json names every other file with its size and SHA-256, holds the
// caller's state, and ends with the SHA-256 of all its own bytes before that
// field. So a flipped bit or a cut anywhere in any of the files is found.
//
// # Writing
//
// [Save] writes into .tmp-step-N-PID beside the final folder, syncs every file
// and folder, and renames. A reader sees a whole checkpoint or none. What a
// killed run left behind is removed by the next Save.
//
// # Finding
//
// [Latest] walks from the newest step down and returns the first checkpoint
// whose every byte is verified; there is no pointer file to trust.
//
// # The tensor format
//
// safetensors: 8 bytes of header length (little endian), a JSON header, the
// data. Reading is strict: see [NewReader] for what is refused. Writing is
// deterministic: equal tensors give equal bytes.
package checkpoint
