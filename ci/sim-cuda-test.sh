# shellcheck shell=bash disable=SC2154,SC2015 # settings come from the script that reads this; fail exits
# Part of build-cuda.sh --self-test, which reads this file: the programs of $made on a driver whose GPU is
# the simulator. What lies between program and driver must not change a bit.
sim=$top/sim
(
  settings=$(ci/cuda-toolkit.sh --env) && eval "$settings"
  CGO_ENABLED=1 go test -trimpath -tags nvidia,netgo,osusergo -ldflags="-s -w" -c -o "$top/cudadriver.test" ./gpu/cudadriver
) >"$top/said" 2>&1 || fail "cannot build the tests of package cudadriver"
ci/sim-cuda.sh "$sim" "$made/$helper" "$top/cudadriver.test" >"$top/said" 2>&1 || fail "cannot make the driver of a simulated GPU"
ci/sim-cuda.sh "$sim" >"$top/said" 2>&1 && fail "took no program"
ci/sim-cuda.sh "$sim" "$made/$plain" >"$top/said" 2>&1 && fail "took a program that calls no CUDA"
(cd gpu/cudadriver && on "$sim" -- "$top/cudadriver.test" -test.v -test.run '^(TestConformance|TestErrors|TestKernelFault)$') &&
  grep -q -- '--- PASS: TestConformance/TensorMaps' "$top/out" || { cat "$top/out" >>"$top/said"; fail "package cudadriver on a simulated GPU"; }

# weights DEVICE OPTION... prints the hashes of weights and moments after three steps.
weights() {
  rm -rf "$top/run"
  on "$sim" -- "$made/$plain" train --device "$@" --precision bf16 --quiet --output-dir "$top/run" --layers 1 --hidden 128 --heads 2 --ffn 512 \
    --seq-len 32 --batch-size 4 --max-steps 3 --updates 3 --final-eval-batches 1 || fail "train --device $* on a simulated GPU"
  (cd "$top/run/checkpoints/step-3" && sha256sum -- *.safetensors)
}
wanted=$(weights sim)
[ "$(wc -l <<<"$wanted")" = 2 ] || fail "expected weights and moments, found $wanted"
[ "$(weights cuda)" = "$wanted" ] || fail "a run through CUDA's driver has other bits than the simulator's"
[ "$(weights cuda --seed 5)" != "$wanted" ] || fail "another seed leaves the same bits: nothing was compared"
