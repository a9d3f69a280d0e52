from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.conftest import MakeImageSet

from nano_u.data.image_set import ImageSet
from nano_u.errors import RunError
from nano_u.evaluation import Gallery, choose_gallery, load_gallery, save_gallery


@pytest.fixture
def gallery(drives: tuple[ImageSet, np.ndarray]) -> Gallery:
    image_set, logits = drives
    return choose_gallery(logits, image_set, threshold=0.4)


def assert_equal(one: Gallery, other: Gallery) -> None:
    assert (one.candidates, one.threshold, one.neighbours_skipped) == (
        other.candidates,
        other.threshold,
        other.neighbours_skipped,
    )
    for before, after in zip(one.images, other.images, strict=True):
        for name in ("name", "group", "role", "iou", "wrong_pixels"):
            assert getattr(before, name) == getattr(after, name)
            assert type(getattr(before, name)) is type(getattr(after, name))
        for name in ("image", "truth", "prediction"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name), strict=True)


def test_what_is_saved_is_loaded(gallery: Gallery, tmp_path: Path) -> None:
    save_gallery(tmp_path / "gallery.npz", gallery)

    assert_equal(load_gallery(tmp_path / "gallery.npz"), gallery)
    assert [path.name for path in tmp_path.iterdir()] == ["gallery.npz"]


def test_an_image_without_an_iou_and_names_of_any_kind_are_kept(make_image_set: MakeImageSet, tmp_path: Path) -> None:
    names = ("", "пример 例", "<img src=x onerror=alert(1)>")
    image_set = make_image_set(np.zeros((3, 4, 5)), ("a", "", "c"), names)
    found = choose_gallery(np.full((3, 4, 5, 1), -5.0, np.float32), image_set)

    save_gallery(tmp_path / "gallery.npz", found)
    loaded = load_gallery(tmp_path / "gallery.npz")

    assert {image.iou for image in loaded.images} == {None}
    assert {image.name for image in loaded.images} == set(names)
    assert_equal(loaded, found)


def test_a_missing_file_is_named_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gallery\.npz: no such file; `nano-u evaluate` writes it$"):
        load_gallery(tmp_path / "gallery.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}", b"\0" * 200, b"\x93NUMPY"])
def test_a_file_that_is_no_gallery_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "gallery.npz").write_bytes(content)

    with pytest.raises(RunError, match=r"gallery\.npz: damaged or not a gallery; run `nano-u evaluate` again$"):
        load_gallery(tmp_path / "gallery.npz")


def test_every_cut_and_many_flipped_bytes_give_the_gallery_or_our_error(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery.npz"
    save_gallery(path, gallery)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    cut = [whole[:length] for length in range(0, len(whole), 97)]
    flipped = []
    for place in random.integers(0, len(whole), size=150):
        damaged = bytearray(whole)
        damaged[place] ^= int(random.integers(1, 256))
        flipped.append(bytes(damaged))

    outcomes = [read(path, content) for content in (*cut, *flipped)]

    assert {found for found in outcomes if isinstance(found, str)} == {
        f"{path}: damaged or not a gallery; run `nano-u evaluate` again"
    }
    assert all(isinstance(found, str) for found in outcomes[: len(cut)])
    for found in outcomes:  # a flipped date, say, changes nothing
        if isinstance(found, Gallery):
            assert_equal(found, gallery)


def read(path: Path, content: bytes) -> Gallery | str:
    """The gallery in a file of that content, or the text of our error."""
    path.write_bytes(content)
    try:
        return load_gallery(path)
    except RunError as error:
        return str(error)


CHANGES = {
    "a list is missing": lambda arrays: arrays.pop("names"),
    "a list is too short": lambda arrays: arrays.update(names=arrays["names"][:-1]),
    "no images": lambda arrays: arrays.update({name: value[:0] for name, value in arrays.items() if value.ndim}),
    "pictures of other shapes": lambda arrays: arrays.update(truths=arrays["truths"][:, :-1]),
    "a picture without colours": lambda arrays: arrays.update(images=arrays["images"][..., 0]),
    "floats as pictures": lambda arrays: arrays.update(images=arrays["images"] / 255),
    "pictures of 16 bits": lambda arrays: arrays.update(images=arrays["images"].astype(np.uint16)),
    "a mask of floats": lambda arrays: arrays.update(truths=arrays["truths"] + 0.5),
    "numbers as names": lambda arrays: arrays.update(names=np.arange(len(arrays["names"]))),
    "an unknown role": lambda arrays: arrays.update(roles=np.full(len(arrays["roles"]), "nicest")),
    "text as IoU": lambda arrays: arrays.update(iou=np.full(len(arrays["iou"]), "x")),
    "an infinite IoU": lambda arrays: arrays.update(iou=np.full(len(arrays["iou"]), np.inf)),
    "several thresholds": lambda arrays: arrays.update(threshold=np.array([0.1, 0.2])),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_arrays_that_do_not_fit_together_are_refused(change: object, gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery.npz"
    save_gallery(path, gallery)
    with np.load(path) as content:
        arrays = dict(content)
    assert callable(change)
    change(arrays)
    np.savez_compressed(path, **arrays)

    with pytest.raises(RunError, match=r"gallery\.npz: damaged or not a gallery; run `nano-u evaluate` again$"):
        load_gallery(path)


class Opened:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_inside_is_never_opened(gallery: Gallery, tmp_path: Path) -> None:
    path, trace = tmp_path / "gallery.npz", tmp_path / "trace"
    np.savez(path, names=np.array([Opened(trace)], dtype=object))

    with pytest.raises(RunError, match="damaged or not a gallery"):
        load_gallery(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Opened(trace)))
    assert trace.exists()


def test_a_failed_write_leaves_the_old_gallery(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "gallery.npz"
    save_gallery(path, gallery)
    before = path.read_bytes()

    with pytest.raises(ValueError, match="need at least one array"):
        save_gallery(path, Gallery((), 0, 0.5, False))

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["gallery.npz"]
