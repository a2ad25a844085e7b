# The scripts of .ci by short names. What a change must pass is "make all", which needs
# what is said in .ci/run.

.PHONY: check test deep windows bsd all

check: # about a minute: gofmt, vet, short tests
	bash .ci/check

test: # the race detector, a busy machine, 386, the examples with a real client
	bash .ci/test

deep: # stress, soak, fuzzing, the simulator with all its mutants
	bash .ci/deep

windows: # Windows binaries under Wine
	bash .ci/wine

bsd: # the poller of the BSDs and macOS on imitated kernels, and their binaries
	bash .ci/bsd

all:
	bash .ci/run
