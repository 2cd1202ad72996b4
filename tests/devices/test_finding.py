"""Which GPUs the driver's files show, which device is chosen, and what the messages say."""

import sys

import pytest

from grader.errors import UsageError
from grader.kernel.gpus import Found, Gpu, choose, describe, look, torch_cuda_version

A, B = "GPU-aaaaaaaa-0000", "GPU-bbbbbbbb-1111"
TWO = ((1, 3, "NVIDIA A100", A), (0, 9, "NVIDIA T4", B))


def found_in(machine, *gpus, visible=None, nodes=None):
    root = machine(*gpus, nodes=nodes) if nodes else machine(*gpus)
    return look(root, visible, torch_cuda="13.0")


@pytest.fixture(autouse=True)
def nothing_is_hidden(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_gpus_come_in_the_order_of_the_bus_with_name_node_and_uuid(machine):
    assert found_in(machine, *TWO).gpus == (
        Gpu(1, "NVIDIA A100", "/dev/nvidia1", A),
        Gpu(0, "NVIDIA T4", "/dev/nvidia0", B),
    )


def test_nodes_alone_are_enough_where_the_driver_tells_nothing(machine):
    (first, second) = found_in(machine).gpus
    assert (first.number, first.name, first.uuid) == (0, "NVIDIA GPU", "")
    assert second.node == "/dev/nvidia1"


def test_a_gpu_without_its_node_is_not_ours(machine):
    found = found_in(machine, *TWO, nodes=("nvidiactl", "nvidia-uvm", "nvidia0"))
    assert [gpu.uuid for gpu in found.gpus] == [B]


def test_what_the_driver_does_not_know_yet_is_left_out(machine):
    unknown = (0, 3, "Unknown", "GPU-????????-????")
    (gpu, _) = found_in(machine, unknown).gpus
    assert (gpu.name, gpu.uuid) == ("NVIDIA GPU", "")


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        ("0", [A]),
        ("1", [B]),
        ("1,0", [B, A]),
        ("0,0", [A]),
        ("GPU-bbbb", [B]),
        ("0,7,1", [A]),
        ("0,-1,1", [A]),
    ],
)
def test_the_environment_narrows_the_choice_as_it_does_for_cuda(machine, visible, uuids):
    assert [gpu.uuid for gpu in found_in(machine, *TWO, visible=visible).gpus] == uuids


@pytest.mark.parametrize("visible", ["", "-1", "GPU-", "MIG-aaaa", "2"])
def test_an_environment_that_names_no_gpu_hides_them_all(machine, visible):
    found = found_in(machine, *TWO, visible=visible)
    assert found.gpus == ()
    assert "hides every GPU" in found.missing


def test_a_machine_without_a_gpu_says_so(machine):
    assert "no /dev/nvidia0" in found_in(machine, nodes=("null",)).missing


def test_a_node_that_the_driver_has_not_made_yet_is_named_with_the_remedy(machine):
    found = found_in(machine, nodes=("nvidiactl", "nvidia0"))
    assert found.missing.startswith("/dev/nvidia-uvm does not exist. Run `nvidia-modprobe")


def test_a_node_that_kernels_cannot_open_is_named_with_the_remedy(machine):
    root = machine(*TWO)
    (root / "dev/nvidia0").chmod(0o000)
    assert "chmod a+rw /dev/nvidia0" in look(root, torch_cuda="13.0").missing


def test_a_torch_for_the_cpu_uses_no_gpu(machine):
    assert "CUDA build" in look(machine(*TWO), torch_cuda="").missing


def test_the_build_of_torch_is_read_without_importing_it(monkeypatch, tmp_path):
    assert torch_cuda_version() == (sys.modules["torch"].version.cuda or "")
    for text, version in (("cuda: Optional[str] = '13.2'", "13.2"), ("cuda = None", "")):
        (tmp_path / "torch").mkdir(exist_ok=True)
        (tmp_path / "torch/__init__.py").write_text("raise AssertionError('imported')")
        (tmp_path / "torch/version.py").write_text(f"debug = False\n{text}\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path)
            patch.delitem(sys.modules, "torch")
            assert torch_cuda_version() == version


# ------------------------------------------------------------------------------------- the choice

ONE = (Gpu(0, "NVIDIA H200", "/dev/nvidia0", A),)


@pytest.mark.parametrize(
    ("wanted", "there", "chosen"),
    [("auto", ONE, ONE), ("auto", (), ()), ("cpu", ONE, ()), ("cuda", ONE, ONE)],
)
def test_auto_takes_a_gpu_where_there_is_one(wanted, there, chosen):
    assert choose(wanted, Found(there)) == chosen


def test_a_gpu_that_is_wanted_and_missing_is_an_error_with_the_reason():
    with pytest.raises(UsageError, match=r"--device cuda: no driver, or give --device cpu\."):
        choose("cuda", Found(missing="no driver"))


def test_an_unknown_device_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="--device is auto, cpu or cuda, not 'tpu'"):
        choose("tpu", Found(ONE))


def test_the_device_class_names_models_and_not_single_gpus():
    assert describe(()) == "cpu"
    assert describe(ONE) == "cuda: NVIDIA H200"
    assert describe((*ONE, Gpu(1, "NVIDIA H200", "/dev/nvidia1", B))) == "cuda: NVIDIA H200"


def test_a_gpu_is_shown_by_its_uuid_or_by_its_place_among_those_that_can_be_opened():
    nameless = Gpu(3, "NVIDIA GPU", "/dev/nvidia3")
    assert ONE[0].visible(alone=True) == ONE[0].visible(alone=False) == A
    assert (nameless.visible(alone=True), nameless.visible(alone=False)) == ("0", "3")
