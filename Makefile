# One-line verbs; the work is in CMakePresets.json, CMakeLists.txt and tools/.
PREFIX ?= /usr/local

all:           ; @tools/setup build && tools/build release
setup:         ; @tools/setup build test demo
demo:          ; @tools/setup build demo && tools/build release && build/ddla train examples/fashion-mnist.yaml -n 2 --out runs/demo --set output.overwrite=true
demo-mpi:      ; @tools/setup build demo mpi && tools/build release && tools/demo-mpi
test:          ; @tools/setup build test demo mpi mpich netlab && tools/build release && tools/run-tests release -LE full
test-full:     ; @tools/setup build test demo mpi mpich netlab && tools/build release && tools/run-tests release
sim-full:      ; @tools/setup build test && tools/build release && tools/run-tests release -L sim
order-full:    ; @tools/setup build test demo && tools/build release && tools/run-tests release -R '^(order_statistics_full|order_audit_full)$$'
hang-full:     ; @tools/setup build test && tools/build release && tools/run-tests release -R '^hang_full$$'
cluster-full:  ; @tools/setup build test demo mpi mpich netlab slurm && tools/build release && tools/run-tests release -L 'mpi|netlab'
modes-full:    ; @tools/setup build test demo mpi mpich && tools/build release && tools/run-tests release -R '^modes_full$$'
modes-all:     ; @tools/setup build test demo mpi mpich && tools/build release && tests/modes/all.sh $(PART)
tidy:          ; @tools/setup build && tools/build release ddla_tidy && build/bin/ddla_tidy .
check-address: ; @tools/setup build test demo sanitize && tools/build address && tools/run-tests address -L 'unit|conformance|short' -LE full
check-thread:  ; @tools/setup build test demo sanitize && tools/build thread && tools/run-tests thread -L 'unit|conformance|short' -LE full
address-full:  ; @tools/setup build test demo sanitize && tools/build address && tools/run-tests address
thread-full:   ; @tools/setup build test demo sanitize && tools/build thread && tools/run-tests thread
fuzz:          ; @tools/setup build test fuzz && tools/build fuzz fuzz && tools/fuzz
check-clang:   ; @tools/setup build test clang && tools/build clang
debug:         ; @tools/setup build test && tools/build debug
sim-cluster:   ; @tools/setup build simgrid && tools/build release && bench/sim_cluster.sh
low-traffic:   ; @tools/setup build demo mpi netlab && tools/build release && bench/low_traffic.sh $(if $(TEXT),--text $(TEXT))
staleness:     ; @tools/setup build demo && tools/build release && bench/staleness.sh --rounds 5
bench:         ; @tools/setup build && tools/build release && build/ddla bench
install:       ; @tools/setup build && tools/build release && cmake --install build --prefix "$(PREFIX)"
format:        ; @tools/setup format && git ls-files "*.c" "*.h" | grep -v -e _list.h -e fixtures | xargs clang-format -i
clean:         ; @rm -rf build build-debug build-address build-thread build-clang build-fuzz
ci:            ; @.ci/run
help:          ; @sed -n 's/^\([a-z-]*\): *; @.*/make \1/p' Makefile

.PHONY: all setup demo demo-mpi test test-full sim-full order-full hang-full cluster-full modes-full modes-all tidy check-address check-thread
.PHONY: address-full thread-full fuzz check-clang debug bench sim-cluster low-traffic staleness install format clean ci help
