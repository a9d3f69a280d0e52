from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nano_u.data.pairing import Pairing, pair_by_stem, suggest_mask_suffix


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


def named(found: Iterable[Path]) -> list[str]:
    return [path.name for path in found]


def pairs(pairing: Pairing) -> list[tuple[str, str, str]]:
    return [(pair.name, pair.image.name, pair.mask.name) for pair in pairing.pairs]


def test_stems_pair_whatever_the_extension() -> None:
    pairing = pair_by_stem(paths("b.jpg", "a.jpg"), paths("a.png", "b.gif"))

    assert pairs(pairing) == [("a", "a.jpg", "a.png"), ("b", "b.jpg", "b.gif")]
    assert pairing.renamed == ()


def test_suffixes_belong_to_no_stem() -> None:
    pairing = pair_by_stem(paths("a_rgb.jpg"), paths("a_L.png"), image_suffix="_rgb", mask_suffix="_L")

    assert pairs(pairing) == [("a", "a_rgb.jpg", "a_L.png")]
    assert pairing.renamed == ()


def test_a_mask_without_its_suffix_stays_alone() -> None:
    pairing = pair_by_stem(paths("a.jpg", "b.jpg"), paths("a_L.png", "b.png"), mask_suffix="_L")

    assert pairs(pairing) == [("a", "a.jpg", "a_L.png")]
    assert named(pairing.images_without_mask) == ["b.jpg"]
    assert named(pairing.masks_without_image) == ["b.png"]


def test_files_that_claim_one_stem_are_named_together_and_not_paired() -> None:
    pairing = pair_by_stem(paths("a.jpg", "b.jpg", "b.png"), paths("a.png", "a.gif", "b.png"))

    assert [named(files) for files in pairing.duplicates] == [["a.gif", "a.png"], ["b.jpg", "b.png"]]
    assert pairing.pairs == ()
    assert pairing.images_without_mask == pairing.masks_without_image == ()


def test_an_exact_stem_wins_over_one_that_differs_in_case() -> None:
    pairing = pair_by_stem(paths("a.jpg", "A.jpg"), paths("A.png", "a.png"))

    assert pairs(pairing) == [("A", "A.jpg", "A.png"), ("a", "a.jpg", "a.png")]
    assert pairing.renamed == ()


def test_stems_that_differ_in_case_pair_and_are_told() -> None:
    pairing = pair_by_stem(paths("IMG_1.JPG"), paths("img_1.png"))

    assert pairs(pairing) == [("IMG_1", "IMG_1.JPG", "img_1.png")]
    assert pairing.renamed == pairing.pairs


def test_case_never_decides_between_two_candidates() -> None:
    pairing = pair_by_stem(paths("IMG.jpg", "Img.jpg"), paths("img.png"))

    assert pairing.pairs == ()
    assert named(pairing.images_without_mask) == ["IMG.jpg", "Img.jpg"]


def test_unicode_forms_pair_and_are_told() -> None:
    pairing = pair_by_stem(paths("caf\u00e9.jpg"), paths("cafe\u0301.png"))

    assert [pair.name for pair in pairing.pairs] == ["caf\u00e9"]
    assert len(pairing.renamed) == 1


@given(st.sets(st.integers(0, 200), max_size=12), st.sets(st.integers(0, 200), max_size=12), st.randoms())
def test_the_order_of_the_files_changes_nothing(images: set[int], masks: set[int], random: object) -> None:
    image_files, mask_files = [Path(f"i_{n}.jpg") for n in images], [Path(f"i_{n}.png") for n in masks]
    expected = pair_by_stem(image_files, mask_files)
    random.shuffle(image_files)  # type: ignore[attr-defined]
    random.shuffle(mask_files)  # type: ignore[attr-defined]

    pairing = pair_by_stem(image_files, mask_files)

    assert pairing == expected
    assert [pair.name for pair in pairing.pairs] == [f"i_{n}" for n in sorted(images & masks)]
    assert named(pairing.images_without_mask) == [f"i_{n}.jpg" for n in sorted(images - masks)]
    assert named(pairing.masks_without_image) == [f"i_{n}.png" for n in sorted(masks - images)]


def test_a_suffix_common_to_all_masks_left_over_is_suggested() -> None:
    pairing = pair_by_stem(paths("a.jpg", "a_b.jpg"), paths("a_mask.png", "a_b_mask.png"))

    assert suggest_mask_suffix(pairing) == "_mask"


def test_nothing_is_suggested_where_one_mask_has_another_ending() -> None:
    assert suggest_mask_suffix(pair_by_stem(paths("a.jpg", "b.jpg"), paths("a_mask.png", "b_gt.png"))) is None
    assert suggest_mask_suffix(pair_by_stem(paths("a.jpg"), paths("a.png"))) is None
