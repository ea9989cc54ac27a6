# One-line verbs; the work is in CMakePresets.json, CMakeLists.txt and tools/.
BUILD ?= build

all: ; @cmake -S . -B $(BUILD) -G Ninja >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }; cmake --build $(BUILD)
