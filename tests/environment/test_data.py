"""Images: drawn clothes, IDX files, data sets with torchvision's API."""

from __future__ import annotations

import gzip
import struct

import drawn_clothes
import numpy as np
import pytest
import torch
from d2l import _datasets, _idx
from d2l import torch as d2l
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torchvision import transforms

from grader.guest import training_settings

small_shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_pair(folder, part, count, *, pack=False):
    """Write `count` images, the i-th filled with i, and their labels i % 10."""
    folder.mkdir(parents=True, exist_ok=True)
    images = np.repeat(np.arange(count, dtype=np.uint8), 784).reshape(count, 28, 28)
    labels = np.arange(count, dtype=np.uint8) % 10
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        path, raw = folder / f"{part}-{name}-ubyte", idx_bytes(array)
        if pack:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(raw))
        else:
            path.write_bytes(raw)


@given(st.integers(0, 60), st.integers(0, 2**31))
def test_drawing_is_a_function_of_its_seed(count, seed):
    images, labels = drawn_clothes.draw_clothes(count, seed)
    again, same = drawn_clothes.draw_clothes(count, seed)
    assert images.shape == (count, 28, 28)
    assert images.dtype == np.uint8
    assert np.array_equal(images, again)
    assert np.array_equal(labels, same)
    assert all(np.bincount(labels, minlength=10) >= count // 10)


def test_every_garment_is_inside_its_image_and_no_other_s():
    images, _ = drawn_clothes.draw_clothes(500, 0)
    cloth = (images > 60).sum(axis=(1, 2))
    assert cloth.min() > 20
    assert cloth.max() < 600


def test_a_network_learns_the_drawn_clothes():
    torch.manual_seed(0)
    X, y = (torch.from_numpy(part) for part in drawn_clothes.draw_clothes(4000, [0, 1]))
    X_new, y_new = (torch.from_numpy(part) for part in drawn_clothes.draw_clothes(1000, [0, 0]))
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    net.apply(d2l.init_cnn)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for i in torch.randint(0, 4000, (200, 64)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(X[i, None] / 255), y[i]).backward()
        optimizer.step()
    with torch.no_grad():
        right = d2l.accuracy(net(X_new[:, None] / 255), y_new)
    assert right >= 900  # 12 of 12 seeds: 978 to 998


@given(array=hnp.arrays(np.uint8, small_shapes), pack=st.booleans())
def test_an_idx_file_reads_as_it_was_written(tmp_path_factory, array, pack):
    path = tmp_path_factory.mktemp("idx") / ("a.gz" if pack else "a")
    raw = idx_bytes(array)
    path.write_bytes(gzip.compress(raw) if pack else raw)
    assert np.array_equal(_idx.read_idx(path), array)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no IDX file"),
        (b"\0\0\x0d\x01\0\0\0\0", "no IDX file"),
        (b"\0\0\x08\x02\0\0", "ends within its header"),
        (b"\0\0\x08\x01\0\0\0\x05ab", "holds 2 values, its header says 5"),
        (b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff", "its header says"),
    ],
)
def test_a_file_that_is_no_idx_file_is_refused(tmp_path, raw, reason):
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(ValueError, match=reason):
        _idx.read_idx(tmp_path / "a")


@pytest.mark.parametrize("place", ["FashionMNIST/raw", "raw", "."])
@pytest.mark.parametrize("pack", [False, True])
def test_real_files_in_the_data_folder_come_first(budget, tmp_path, place, pack):
    write_pair(tmp_path / place, "train", 12, pack=pack)
    write_pair(tmp_path / place, "t10k", 5, pack=pack)
    budget.configure(data_dir=tmp_path)
    data = d2l.FashionMNIST(batch_size=4)
    assert (len(data.train), len(data.val)) == (12, 5)
    X, _ = next(iter(data.get_dataloader(False)))
    assert X.shape == (4, 1, 28, 28)
    assert data.val.targets.tolist() == [0, 1, 2, 3, 4]


def test_real_files_where_the_notebook_looks_are_found(tmp_path):
    write_pair(tmp_path / "FashionMNIST" / "raw", "t10k", 3)
    assert len(_datasets.FashionMNIST(tmp_path, train=False)) == 3


def test_files_of_another_data_set_are_not_taken_for_digits(budget, tmp_path):
    write_pair(tmp_path, "train", 3)
    budget.configure(data_dir=tmp_path)
    assert len(_datasets.MNIST(tmp_path)) == 60_000
    _datasets.MNIST(tmp_path)[0]


def test_labels_that_do_not_match_their_images_are_refused(tmp_path):
    folder = tmp_path / "FashionMNIST" / "raw"
    write_pair(folder, "train", 3)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(2, np.uint8)))
    with pytest.raises(ValueError, match="one label for each image"):
        len(_datasets.FashionMNIST(tmp_path))


def test_nothing_is_drawn_before_it_is_looked_at(monkeypatch):
    monkeypatch.setattr(drawn_clothes, "draw_clothes", None)
    data = d2l.FashionMNIST()
    assert data.text_labels([0, 9]) == ["t-shirt", "ankle boot"]
    monkeypatch.undo()
    assert data.train.data.shape == (60_000, 28, 28)


def test_the_course_s_data_has_the_types_of_torchvision_s():
    data = d2l.FashionMNIST(batch_size=64, resize=(32, 32))
    assert data.train.data.dtype == torch.uint8
    assert data.train.targets.dtype == torch.int64
    assert data.train.classes[9] == "Ankle boot"
    image, label = data.train[0]
    assert image.shape == (1, 32, 32)
    assert 0 <= image.min() <= image.max() <= 1
    assert isinstance(label, int)
    batch = next(iter(data.train_dataloader()))
    assert isinstance(batch, list)
    assert batch[0].dtype == torch.float32
    assert data.batch_size == data.hparams["batch_size"] == 64


def test_training_batches_are_shuffled_and_validation_batches_are_not():
    data = d2l.FashionMNIST(batch_size=64)
    train, val = data.train_dataloader(), data.val_dataloader()
    assert not torch.equal(next(iter(train))[1], next(iter(train))[1])
    assert torch.equal(next(iter(val))[1], data.val.targets[:64])


@pytest.mark.parametrize(
    ("kind", "train", "length"),
    [
        (_datasets.FashionMNIST, True, 60_000),
        (_datasets.KMNIST, False, 10_000),
        (_datasets.CIFAR10, True, 50_000),
    ],
)
def test_a_stand_in_is_as_long_as_the_original(monkeypatch, kind, train, length):
    monkeypatch.setattr(
        _datasets, "_drawn", lambda *_: (np.zeros((7, 28, 28), np.uint8), np.arange(7))
    )
    dataset = kind("nowhere", train=train)
    assert len(dataset) == length
    first, again = dataset[0], dataset[7]
    assert "data" not in vars(dataset), "nobody asked for all images at once"
    assert (first[1], again[1], dataset[-1][1]) == (0, 0, (length - 1) % 7)
    with pytest.raises(IndexError):
        dataset[length]
    assert len(dataset.data) == len(dataset.targets) == length
    assert (np.asarray(dataset[3][0]) == np.asarray(dataset.data[10])).all()


def test_what_a_notebook_makes_of_a_stand_in_counts():
    dataset = _datasets.FashionMNIST("nowhere", train=False)
    kept = dataset.targets == 3
    dataset.data, dataset.targets = dataset.data[kept], dataset.targets[kept]
    assert len(dataset) == int(kept.sum())
    assert {label for _, label in dataset} == {3}
    assert dataset.test_data is dataset.data


@pytest.mark.parametrize("kind", [_datasets.FashionMNIST, _datasets.MNIST, _datasets.KMNIST])
def test_grey_stand_ins_answer_like_torchvision_s(kind):
    dataset = kind("nowhere", train=False, download=True, target_transform=lambda y: -y)
    image, label = dataset[3]
    assert (image.mode, image.size, label) == ("L", (28, 28), -int(dataset.targets[3]))
    assert len(dataset.classes) == len(dataset.class_to_idx) == 10
    assert "Split: Test" in repr(dataset)
    assert dataset.raw_folder.endswith("raw")


def test_coloured_stand_ins_answer_like_torchvision_s():
    dataset = _datasets.CIFAR10(root="nowhere", train=False)
    assert dataset.data.shape == (10_000, 32, 32, 3)
    assert isinstance(dataset.targets, list)
    assert dataset[0][0].mode == "RGB"
    assert dataset.classes[0] == "airplane"


def test_other_seeds_draw_other_clothes(budget):
    first = _datasets.FashionMNIST(train=False).data
    budget.configure(seed=1)
    assert not torch.equal(first, _datasets.FashionMNIST(train=False).data)


def test_a_budget_needs_time_and_steps(budget):
    for bad in ({"training_s": 0}, {"training_steps": 0}):
        with pytest.raises(ValueError, match="at least one step"):
            budget.configure(**bad)


@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 20))
def test_a_limited_loader_hands_out_at_least_one_batch(count, most, stop_after):
    from d2l._budget import Limited

    taken = []
    limited = Limited(
        range(count), most, stop=lambda: len(taken) >= stop_after, taken=lambda: taken.append(1)
    )
    got = list(limited)
    assert got == list(range(min(count, most, max(1, stop_after))))
    assert len(taken) == len(got) <= len(limited) <= most


TRANSFORMS = {
    "none": None,
    "to a tensor": transforms.ToTensor(),
    "of the course": transforms.Compose([transforms.Resize((28, 28)), transforms.ToTensor()]),
    "one size for both": transforms.Compose([transforms.Resize(28), transforms.ToTensor()]),
    "enlarged": transforms.Compose([transforms.Resize(40), transforms.ToTensor()]),
    "normalised": transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.5,), (0.25,))]
    ),
    "turned": transforms.Compose([transforms.ToTensor(), lambda x: x.flip(1)]),
    "a function": lambda image: image.size,
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("kind", [_datasets.FashionMNIST, _datasets.CIFAR10])
@given(st.lists(st.integers(0, 9_999), max_size=5))
@settings(max_examples=5)
def test_a_batch_holds_what_its_images_hold_one_by_one(kind, transform, indices):
    images = kind(train=False, transform=transform)
    for (x, y), index in zip(images.__getitems__(indices), indices, strict=True):
        due, label = images[index]
        assert y == label
        if isinstance(due, torch.Tensor):
            assert (x.dtype, x.shape) == (due.dtype, due.shape)
            assert torch.equal(x, due)
        else:
            assert x == due


@pytest.mark.parametrize("kind", [_datasets.FashionMNIST, _datasets.CIFAR10])
@pytest.mark.parametrize("side", [None, 28, 96, 224])
def test_a_whole_batch_is_what_a_loader_joins_of_its_images(kind, side):
    resize = [] if side is None else [transforms.Resize((side, side))]
    images = kind(transform=transforms.Compose([*resize, transforms.ToTensor()]))
    images.targets[4_001] = 7  # by the notebook
    wanted = [4_001, 17, 59_999 if kind is _datasets.FashionMNIST else 49_999, 3, 17]
    due, whole = default_collate(images.__getitems__(wanted)), images.__getbatch__(wanted)
    assert [part.dtype for part in whole] == [part.dtype for part in due]
    assert all(torch.equal(one, other) for one, other in zip(whole, due, strict=True))


@pytest.mark.parametrize(
    "settings",
    [{}, {"transform": transforms.ToTensor(), "target_transform": float}],
    ids=["pictures", "labels of the notebook's own"],
)
def test_what_a_loader_has_to_join_itself_is_no_whole_batch(settings):
    assert _datasets.FashionMNIST(**settings).__getbatch__([1, 2]) is None
    assert _datasets.FashionMNIST(transform=transforms.ToTensor()).__getbatch__([60_000]) is None


def test_a_data_set_of_the_notebook_s_own_is_asked_for_each_image():
    class Dark(_datasets.FashionMNIST):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return 0 * x, y

    images = Dark(train=False, transform=transforms.ToTensor())
    assert not any(x.any() for x, _ in images.__getitems__([1, 2]))
    assert not next(iter(DataLoader(images, 2)))[0].any()
    with pytest.raises(IndexError):
        images.__getitems__([10_000])


def test_a_loader_of_large_images_makes_those_that_it_keeps():
    made = []
    resize = transforms.Compose(
        [transforms.Resize((96, 96)), transforms.ToTensor(), lambda x: made.append(1) or x]
    )
    data = _datasets.FashionMNIST(transform=resize)
    X, y = next(iter(DataLoader(data, 128)))  # bound by `loaders.install`
    kept = training_settings.LARGE_BATCH_PIXELS // 96**2
    assert (X.shape, len(made)) == ((128, 1, 96, 96), kept)
    assert torch.equal(X[kept:], X[:-kept])
    assert torch.equal(y[kept:], y[:-kept])


def test_a_batch_holds_what_the_notebook_wrote_into_the_data():
    for kind in (_datasets.FashionMNIST, _datasets.CIFAR10):
        changed = kind(transform=transforms.ToTensor())
        changed.targets[3] = 7  # by the notebook
        for data in (kind(transform=transforms.ToTensor()), changed):
            wanted = [2, 3, 4_001]
            for (x, y), place in zip(data.__getitems__(wanted), wanted, strict=True):
                alone, label = data[place]
                assert (torch.equal(x, alone), y) == (True, label)
