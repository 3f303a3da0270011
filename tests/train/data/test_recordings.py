"""Sounds of one origin never lie on two sides of a split."""

from collections import defaultdict

import pytest

from birdedge.edge.errors import DataError
from birdedge.train.data.recordings import COLUMNS, read_index
from birdedge.train.data.splits import (
    LEFT_OUT,
    SPLITS,
    assign_splits,
    family_marks,
    held_out_recordings,
    listed_splits,
    session,
)


def a_row(file, **known):
    row = dict.fromkeys(COLUMNS, "")
    return {**row, "file": file, "kind": "birds", "tier": "open", "source": "s", "original": file, **known}


def an_index(folder, rows, columns=COLUMNS):
    lines = ["\t".join(columns), *("\t".join(row[c] for c in columns) for row in rows)]
    (folder / "index.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def many(count, **known):
    return [
        a_row(f"birds/{i:04}.flac", original=f"recording {chr(97 + i % 26)}{i}x", **known)
        for i in range(count)
    ]


def splits_of(folder, rows):
    return {r.path.name: r.split for r in read_index(an_index(folder, rows))}


def test_a_row_is_read_with_its_units_and_its_path(tmp_path):
    row = a_row("birds/a.flac", licence="CC0", xc="123", species="Turdus merula", snr90_db="18.5")
    (recording,) = read_index(an_index(tmp_path, [row]))
    assert recording.path == tmp_path / "birds" / "a.flac"
    assert (recording.licence, recording.xc, recording.species) == ("CC0", "123", "Turdus merula")
    assert recording.snr_db == 18.5
    (unknown,) = read_index(an_index(tmp_path, [a_row("birds/a.flac")]))
    assert unknown.snr_db != unknown.snr_db


def test_a_tenth_of_the_families_validates_and_a_tenth_tests(tmp_path):
    found = list(splits_of(tmp_path, many(2000)).values())
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
def test_what_shares_an_origin_lies_in_one_split(tmp_path, shared):
    family = [{**row, **shared} for row in many(60)]
    assert len(set(splits_of(tmp_path, family).values())) == 1


def test_cuts_of_one_original_are_told_by_their_part_numbers(tmp_path):
    cuts = [
        a_row(f"lasso/{i}.flac", kind="lasso", original=f"vocals/20240905_203000_{i:02}.WAV")
        for i in range(40)
    ]
    assert len(set(splits_of(tmp_path, cuts).values())) == 1
    takes = [a_row(f"noise/{c}.wav", kind="noise", original=f"audio/1-4242-{c}-7.wav") for c in "ABCDEFGH"]
    assert len(set(splits_of(tmp_path, takes).values())) == 1


def test_families_join_through_what_they_have_in_common(tmp_path):
    """A shares its number with B, B its species with C, C its original with D: all are one family."""
    # Sixty such chains, so that none of them could hold together by chance.
    for chain in range(60):
        a, b, c, d = many(4)
        b["xc"] = a["xc"] = f"9{chain}"
        c["species"] = b["species"] = f"Genus species{chr(97 + chain % 26)}{chain}"
        d["original"] = c["original"] = f"tape {chain}x"
        assert len(set(splits_of(tmp_path, [a, d, c, b]).values())) == 1


def test_a_species_counts_however_it_is_written_and_not_for_noise(tmp_path):
    written = [
        {**row, "species": name}
        for row, name in zip(many(40), ["Turdus_merula", "turdus merula"] * 20, strict=True)
    ]
    assert len(set(splits_of(tmp_path, written).values())) == 1
    wind = [{**row, "kind": "noise", "species": "wind"} for row in many(100)]
    assert set(splits_of(tmp_path, wind).values()) == set(SPLITS)


def test_a_split_does_not_change_when_strangers_are_added_or_rows_are_moved(tmp_path):
    few = splits_of(tmp_path, many(100))
    more = splits_of(tmp_path, [*many(300)[::-1]])
    assert {name: more[name] for name in few} == few


def test_leaving_out_a_tier_moves_no_file_to_another_split(tmp_path):
    rows = many(200, xc="")
    for i, row in enumerate(rows):
        row["tier"] = "restricted" if i % 3 else "open"
        row["species"] = f"Genus {chr(97 + i % 20)}"
    everything = {r.path: r.split for r in read_index(an_index(tmp_path, rows))}
    kept = read_index(tmp_path, tier="open")
    assert len(kept) == 67
    assert all(r.tier == "open" and everything[r.path] == r.split for r in kept)


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no index\.tsv; give the folder that has it, with --data"):
        read_index(tmp_path)


def test_an_index_without_a_column_is_refused_with_its_name(tmp_path):
    columns = [c for c in COLUMNS if c != "species"]
    with pytest.raises(DataError, match="lacks the column 'species'; it needs file, kind, tier"):
        read_index(an_index(tmp_path, many(3), columns))


def test_a_row_that_cannot_be_read_is_refused_with_its_line(tmp_path):
    rows = many(3)
    rows[1]["snr90_db"] = "loud"
    with pytest.raises(
        DataError, match=r"index.tsv, line 3: snr90_db is 'loud'; it must be a number or empty"
    ):
        read_index(an_index(tmp_path, rows))


def listed(split):
    """Source and original of the recordings listed for a split."""
    return [key for key, listed_split in listed_splits().items() if listed_split == split]


def a_listed_row(split, file, number=0, **known):
    source, original = listed(split)[number]
    return a_row(file, **{"source": source, "original": original, **known})


def test_a_listed_recording_lies_in_its_split_whatever_its_hash_and_takes_its_family_along(tmp_path):
    rows = many(50)
    for split in ("validation", "test"):
        for number in range(12):
            name = f"birds/{split}-{number}.flac"
            rows.append(a_listed_row(split, name, number, species=f"{split} {number}"))
            rows.append(a_row(f"birds/{split}-{number}-kin.flac", species=f"{split} {number}"))
    found = splits_of(tmp_path, rows)
    assert [n for n, split in found.items() if n.startswith("test") and split != "test"] == []
    assert [n for n, split in found.items() if n.startswith("val") and split != "validation"] == []


def test_a_family_listed_for_both_is_tested_on(tmp_path):
    rows = [a_listed_row(s, f"birds/{s}.flac", xc="4242") for s in ("validation", "test")]
    rows.append(a_row("birds/other.flac", xc="4242"))
    assert set(splits_of(tmp_path, rows).values()) == {"test"}


def test_where_a_folder_holds_listed_recordings_they_alone_are_tested_on(tmp_path):
    rows = [*many(300), a_listed_row("test", "birds/listed.flac")]
    assert [r.path.name for r in held_out_recordings(read_index(an_index(tmp_path, rows)), "test")] == [
        "listed.flac"
    ]
    others = read_index(an_index(tmp_path, rows[:-1]))
    assert held_out_recordings(others, "test") == [r for r in others if r.split == "test"] != []


def shared_marks(recordings):
    """What test recordings have in common with those of training."""
    marks = defaultdict(set)
    for r in recordings:
        for mark in family_marks(r):
            marks[mark].add(r.split)
    return [mark for mark, splits in marks.items() if {"train", "test"} <= splits]


def test_no_addition_lets_a_mark_of_a_test_recording_into_training(tmp_path):
    """Additions with the species, numbers and originals of listed recordings, alone and chained, in any order."""
    rows = [
        a_listed_row(split, f"birds/{split}-{i}.flac", i, species=f"Genus {split}{i}", xc=f"77{i:03}")
        for split in ("validation", "test")
        for i in range(10)
    ]
    before = splits_of(tmp_path, rows)
    additions = []
    for i in range(10):
        chain = many(3)
        for j, row in enumerate(chain):
            row["file"] = f"birds/addition-{i}-{j}.flac"
            row["original"] = f"addition {chr(97 + i)}{chr(97 + j)}x"
        chain[0]["species"] = f"genus_test{i}"
        chain[0]["xc"] = chain[1]["xc"] = f"88{i:03}"
        chain[2]["source"], chain[2]["original"] = listed("test")[i]
        additions += chain
    rows = [*additions, *many(200), *rows]
    after = read_index(an_index(tmp_path, rows))
    assert shared_marks(after) == []
    assert {r.path.name: r.split for r in after if r.path.name in before} == before
    assert {r.split for r in after if r.path.name.startswith("addition")} == {"test"}


def test_the_shared_recordings_lie_as_listed_and_share_no_mark_with_training(shared_data):
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
    sides = defaultdict(set)
    for r in recordings:
        if r.split == LEFT_OUT:
            continue
        sides["original", r.source, r.original].add(r.split)
        if r.xc:
            sides["xc", r.xc].add(r.split)
        if r.species and r.kind in ("birds", "lasso", "boxes"):
            sides["species", r.species.lower().replace("_", " ")].add(r.split)
    assert [mark for mark, splits in sides.items() if len(splits) > 1] == []


@pytest.mark.parametrize(
    ("known", "kept"),
    [
        ({"species": "wind"}, True),
        ({"original": "set/negative/1.wav", "species": "rain"}, True),
        ({"original": "set/negative/1.wav"}, False),
        ({"original": "set/negative/XC26332 - White-crowned Cuckoo.wav"}, False),
        ({"xc": "670314"}, False),
        ({"original": "Thunder/Sound Library - Thunder.mp3"}, False),
    ],
)
def test_noise_that_holds_birds_is_left_out(tmp_path, known, kept):
    row = a_row("noise/a.ogg", **{"kind": "noise", "original": "a.wav", **known})
    assert bool(read_index(an_index(tmp_path, [row]))) == kept
