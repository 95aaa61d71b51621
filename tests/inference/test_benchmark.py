from facelattice.inference import benchmark
from facelattice.inference.benchmark import describe_processor, measure
from facelattice.onnx_session import num_usable_cpus


def test_all_parts_are_measured_with_the_sample_image(monkeypatch):
    monkeypatch.setattr(benchmark, "NUM_FILES", 4)
    timings = list(measure(["ibug68-fast"], [], num_repeats=1))
    assert {timing.part for timing in timings} == {"detector", "ibug68-fast"}
    settings = [timing.setting for timing in timings if timing.part == "ibug68-fast"]
    assert {"one image in memory, all faces", "one image in memory, one face"} < set(settings)
    assert sum(setting.startswith("files, ") for setting in settings) == (2 if num_usable_cpus() > 1 else 1)
    assert settings[-2:] == ["new process, 1 image", "new process, peak memory"]
    assert all(0 < timing.value < 1e5 for timing in timings)


def test_processor_is_described_by_name_cores_and_instructions():
    name, cores, *instructions = describe_processor().rsplit(", ", 2)
    assert name
    assert cores.split()[0] == str(num_usable_cpus())
    assert not instructions or "?" not in instructions[0]  # OpenCV's mark of instructions that are missing here
