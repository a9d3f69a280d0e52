from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.data.sample import Sample
from nano_u.data.splits import shared_groups, split_samples
from nano_u.errors import DataError

SHARES = {"test": 0.2, "val": 0.2}


def samples(**sizes: int) -> list[Sample]:
    return [
        Sample(f"{group}_{number}", Path(f"{group}_{number}.jpg"), Path(f"{group}_{number}.png"), group)
        for group, size in sizes.items()
        for number in range(size)
    ]


def groups_of(members: tuple[Sample, ...]) -> set[str]:
    return {sample.group for sample in members}


def test_whole_groups_go_to_one_split_each() -> None:
    result = split_samples(samples(a=10, b=10, c=10, d=10, e=10), SHARES, seed=3)

    assert list(result.splits) == ["train", "val", "test"]
    assert [len(members) for members in result.splits.values()] == [30, 10, 10]
    assert shared_groups(result.splits) == {}
    assert result.warnings == ()


def test_the_seed_decides_and_nothing_else() -> None:
    everything = samples(**{f"g{number}": 5 for number in range(20)})

    chosen = [groups_of(split_samples(everything, SHARES, seed=seed).splits["test"]) for seed in range(4)]

    assert chosen[0] == groups_of(split_samples(everything[::-1], SHARES, seed=0).splits["test"])
    assert len({frozenset(groups) for groups in chosen}) > 1


def test_another_group_changes_no_choice_among_the_rest() -> None:
    few = split_samples(samples(**{f"g{n}": 10 for n in range(10)}), {"val": 0.2}, seed=1).splits["val"]
    more = split_samples(samples(**{f"g{n}": 10 for n in range(11)}), {"val": 0.2}, seed=1).splits["val"]

    assert groups_of(more) - {"g10"} <= groups_of(few)


@given(
    st.lists(st.integers(1, 30), min_size=3, max_size=8),
    st.floats(0.05, 0.45),
    st.floats(0.05, 0.45),
    st.integers(0, 5),
)
def test_every_sample_is_in_one_split_and_no_split_is_empty(
    sizes: list[int], val: float, test: float, seed: int
) -> None:
    everything = samples(**{f"g{number}": size for number, size in enumerate(sizes)})

    splits = split_samples(everything, {"test": test, "val": val}, seed=seed).splits

    assert sorted(sample.name for members in splits.values() for sample in members) == sorted(
        sample.name for sample in everything
    )
    assert all(splits.values())
    assert shared_groups(splits) == {}


def test_a_split_far_from_its_share_is_told() -> None:
    result = split_samples(samples(a=10, b=10, c=10), {"test": 0.1, "val": 0.1}, seed=0)

    assert [len(members) for members in result.splits.values()] == [10, 10, 10]
    assert result.warnings == (
        "whole groups stay together: test takes 33% of the images instead of 10%",
        "whole groups stay together: val takes 33% of the images instead of 10%",
    )


def test_too_few_groups_are_cut_into_blocks_in_natural_order() -> None:
    result = split_samples(samples(drive=12), SHARES, seed=0)

    assert [[int(sample.name.split("_")[1]) for sample in members] for members in result.splits.values()] == [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [8, 9],
        [10, 11],
    ]
    assert "too few groups (drive) for 3 splits" in result.warnings[0]


def test_each_of_two_groups_is_cut_for_three_splits() -> None:
    splits = split_samples(samples(a=10, b=20), SHARES, seed=0).splits

    assert [len(members) for members in splits.values()] == [18, 6, 6]
    assert shared_groups(splits) == {"a": ("train", "val", "test"), "b": ("train", "val", "test")}


@given(st.lists(st.integers(1, 12), min_size=1, max_size=2), st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_blocks_are_complete_or_refused(sizes: list[int], val: float, test: float) -> None:
    everything = samples(**{f"g{number}": size for number, size in enumerate(sizes)})

    try:
        splits = split_samples(everything, {"test": test, "val": val}).splits
    except DataError:
        assert max(sizes) < 3
        return

    assert sorted(sample.name for members in splits.values() for sample in members) == sorted(
        sample.name for sample in everything
    )
    assert all(splits.values())


def test_too_few_groups_without_overlap_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"1 group\(s\) cannot fill 3 splits without overlap; set dataset\.group_pattern"
    ):
        split_samples(samples(a=10), SHARES, allow_group_overlap=False)


@pytest.mark.parametrize("size", [0, 1, 2])
def test_too_few_images_are_refused(size: int) -> None:
    with pytest.raises(DataError, match=rf"{size} image\(s\) with masks cannot be split into train, val, test"):
        split_samples(samples(a=size), SHARES)


def test_a_share_of_zero_makes_no_split() -> None:
    assert list(split_samples(samples(a=1), {"test": 0.0, "val": 0.0}).splits) == ["train"]


def test_shared_groups_name_their_splits() -> None:
    a, b = samples(a=1, b=1)

    assert shared_groups({"train": (a, b), "test": (a,)}) == {"a": ("train", "test")}
