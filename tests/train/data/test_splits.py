"""Recordings of the same origin are never in two splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from birdedge.train.data.recordings import Recording, read_index
from birdedge.train.data.splits import (
    LEFT_OUT,
    SPLITS,
    assign_splits,
    family_marks,
    held_out_recordings,
    listed_splits,
    session,
)
from tests.support.indexes import Row, index_row, many_rows, write_index


def splits_of(folder: Path, rows: list[Row]) -> dict[str, str]:
    return {r.path.name: r.split for r in read_index(write_index(folder, rows))}


def test_a_tenth_of_the_families_is_for_validation_and_a_tenth_for_testing(tmp_path: Path) -> None:
    found = list(splits_of(tmp_path, many_rows(2000)).values())
    assert set(found) == set(SPLITS)
    for split, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert found.count(split) / 2000 == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    "shared",
    [
        {"xc": "4242"},
        {"species": "Turdus merula"},
        {"original": "tape 1/a"},
        {"original": "XC67332 - Meadow Pipit.mp3"},
    ],
)
def test_recordings_of_the_same_origin_are_in_one_split(tmp_path: Path, shared: dict[str, str]) -> None:
    family = [{**row, **shared} for row in many_rows(60)]
    assert len(set(splits_of(tmp_path, family).values())) == 1


def test_cuts_of_one_original_are_recognised_by_their_numbers(tmp_path: Path) -> None:
    cuts = [
        index_row(f"lasso/{i}.flac", kind="lasso", original=f"vocals/20240905_203000_{i:02}.WAV")
        for i in range(40)
    ]
    assert len(set(splits_of(tmp_path, cuts).values())) == 1
    takes = [
        index_row(f"noise/{c}.wav", kind="noise", original=f"audio/1-4242-{c}-7.wav") for c in "ABCDEFGH"
    ]
    assert len(set(splits_of(tmp_path, takes).values())) == 1


def test_families_merge_through_shared_attributes(tmp_path: Path) -> None:
    """A shares its number with B, B its species with C, and C its original with D: all are one family."""
    # Sixty such chains: none of them stays together by chance.
    for chain in range(60):
        a, b, c, d = many_rows(4)
        b["xc"] = a["xc"] = f"9{chain}"
        c["species"] = b["species"] = f"Genus species{chr(97 + chain % 26)}{chain}"
        d["original"] = c["original"] = f"tape {chain}x"
        assert len(set(splits_of(tmp_path, [a, d, c, b]).values())) == 1


def test_a_species_joins_recordings_in_any_spelling_but_not_noise(tmp_path: Path) -> None:
    spelled = [
        {**row, "species": name}
        for row, name in zip(many_rows(40), ["Turdus_merula", "turdus merula"] * 20, strict=True)
    ]
    assert len(set(splits_of(tmp_path, spelled).values())) == 1
    wind = [{**row, "kind": "noise", "species": "wind"} for row in many_rows(100)]
    assert set(splits_of(tmp_path, wind).values()) == set(SPLITS)


def test_unrelated_rows_and_row_order_do_not_change_the_splits(tmp_path: Path) -> None:
    few = splits_of(tmp_path, many_rows(100))
    more = splits_of(tmp_path, [*many_rows(300)[::-1]])
    assert {name: more[name] for name in few} == few


def test_leaving_out_a_tier_moves_no_file_to_another_split(tmp_path: Path) -> None:
    rows = many_rows(200, xc="")
    for i, row in enumerate(rows):
        row["tier"] = "restricted" if i % 3 else "open"
        row["species"] = f"Genus {chr(97 + i % 20)}"
    everything = {r.path: r.split for r in read_index(write_index(tmp_path, rows))}
    kept = read_index(tmp_path, tier="open")
    assert len(kept) == 67
    assert all(r.tier == "open" and everything[r.path] == r.split for r in kept)


def listed(split: str) -> list[tuple[str, str]]:
    """Source and original of the recordings listed for a split."""
    return [key for key, listed_split in listed_splits().items() if listed_split == split]


def a_listed_row(split: str, file: str, number: int = 0, **known: str) -> Row:
    source, original = listed(split)[number]
    return index_row(file, **{"source": source, "original": original, **known})


def test_a_listed_recording_has_its_split_whatever_its_hash_and_so_has_its_family(
    tmp_path: Path,
) -> None:
    rows = many_rows(50)
    for split in ("validation", "test"):
        for number in range(12):
            name = f"birds/{split}-{number}.flac"
            rows.append(a_listed_row(split, name, number, species=f"{split} {number}"))
            rows.append(index_row(f"birds/{split}-{number}-kin.flac", species=f"{split} {number}"))
    found = splits_of(tmp_path, rows)
    assert [n for n, split in found.items() if n.startswith("test") and split != "test"] == []
    assert [n for n, split in found.items() if n.startswith("val") and split != "validation"] == []


def test_a_family_listed_for_validation_and_test_is_used_for_testing(tmp_path: Path) -> None:
    rows = [a_listed_row(s, f"birds/{s}.flac", xc="4242") for s in ("validation", "test")]
    rows.append(index_row("birds/other.flac", xc="4242"))
    assert set(splits_of(tmp_path, rows).values()) == {"test"}


def test_only_listed_recordings_are_used_for_testing_if_there_are_any(tmp_path: Path) -> None:
    rows = [*many_rows(300), a_listed_row("test", "birds/listed.flac")]
    recordings = read_index(write_index(tmp_path, rows))
    assert [r.path.name for r in held_out_recordings(recordings, "test")] == ["listed.flac"]
    others = read_index(write_index(tmp_path, rows[:-1]))
    assert held_out_recordings(others, "test") == [r for r in others if r.split == "test"] != []


def shared_marks(recordings: Iterable[Recording]) -> list[str]:
    """The marks that test recordings share with training recordings."""
    marks = defaultdict(set)
    for r in recordings:
        for mark in family_marks(r):
            marks[mark].add(r.split)
    return [mark for mark, splits in marks.items() if {"train", "test"} <= splits]


def test_added_recordings_bring_no_mark_of_a_test_recording_into_training(tmp_path: Path) -> None:
    """Additions with the species, numbers and originals of listed recordings, alone and chained, in any order."""
    rows = [
        a_listed_row(split, f"birds/{split}-{i}.flac", i, species=f"Genus {split}{i}", xc=f"77{i:03}")
        for split in ("validation", "test")
        for i in range(10)
    ]
    before = splits_of(tmp_path, rows)
    additions = []
    for i in range(10):
        chain = many_rows(3)
        for j, row in enumerate(chain):
            row["file"] = f"birds/addition-{i}-{j}.flac"
            row["original"] = f"addition {chr(97 + i)}{chr(97 + j)}x"
        chain[0]["species"] = f"genus_test{i}"
        chain[0]["xc"] = chain[1]["xc"] = f"88{i:03}"
        chain[2]["source"], chain[2]["original"] = listed("test")[i]
        additions += chain
    rows = [*additions, *many_rows(200), *rows]
    after = read_index(write_index(tmp_path, rows))
    assert shared_marks(after) == []
    assert {r.path.name: r.split for r in after if r.path.name in before} == before
    assert {r.split for r in after if r.path.name.startswith("addition")} == {"test"}


def test_the_shared_recordings_have_their_listed_splits_and_share_no_mark_with_training(
    shared_data: Path,
) -> None:
    recordings = read_index(shared_data)
    assert len(recordings) > 1000
    assert shared_marks(recordings) == []
    assert assign_splits(recordings) == [r.split for r in recordings]
    here = {(r.source, r.original): r.split for r in recordings if r.split != "train"}
    assert here.keys() == listed_splits().keys()
    assert all(split in (listed_splits()[key], LEFT_OUT) for key, split in here.items())
    assert 0 < list(here.values()).count(LEFT_OUT) < 25
    sessions = defaultdict(set)
    for r in recordings:
        if r.split != LEFT_OUT and session(r):
            sessions[session(r)].add(r.split)
    assert [name for name, splits in sessions.items() if len(splits) > 1] == []
    # The same, from the columns alone.
    sides: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for r in recordings:
        if r.split == LEFT_OUT:
            continue
        sides["original", r.source, r.original].add(r.split)
        if r.xc:
            sides["xc", r.xc].add(r.split)
        if r.species and r.kind in ("birds", "lasso", "boxes"):
            sides["species", r.species.lower().replace("_", " ")].add(r.split)
    assert [mark for mark, splits in sides.items() if len(splits) > 1] == []
