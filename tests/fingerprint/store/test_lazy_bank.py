"""Large banks: what is opened lazily is what is read whole, within the memory that is given."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from golden_bank import full

from fp.fingerprint.store import record
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.fingerprint.store.lazy import LazyBank, size_in_memory
from fp.system.errors import InputError, IntegrityError


@pytest.fixture
def bank(tmp_path):
    rng = np.random.default_rng(0)
    source = full()
    members = [
        replace(
            source,
            name=f"generator {index}",
            method="tile",
            pattern=rng.standard_normal((3, side, side)).astype(np.float32),
        )
        for index, side in enumerate([8, 4, 8, 8, 4])
    ]
    write_bank(tmp_path / "bank.h5", members)
    return tmp_path / "bank.h5"


def same(one, other):
    return (
        record.elements_of(one)["@content-sha256"] == record.elements_of(other)["@content-sha256"]
    )


def test_what_is_read_lazily_is_what_is_read_whole(bank):
    whole, lazy = read_bank(bank), LazyBank(bank)
    assert [member.name for member in lazy.members] == [found.name for found in whole]
    assert {member.method for member in lazy.members} == {"tile"}
    assert len(lazy) == 5
    for index in (3, 0, -1, 3):
        assert same(lazy[index], whole[index])
    assert [found.name for found in lazy[1:3]] == ["generator 1", "generator 2"]
    with pytest.raises(IndexError):
        lazy[5]


def test_opening_reads_no_fingerprint(bank, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a fingerprint was read")

    monkeypatch.setattr(record, "read", refuse)
    assert len(LazyBank(bank)) == 5


def test_memory_is_bounded_and_what_was_used_last_stays(bank, monkeypatch):
    one = size_in_memory(read_bank(bank)[0])
    lazy = LazyBank(bank, memory=int(2.5 * one))
    reads = []
    read = record.read
    monkeypatch.setattr(
        record, "read", lambda group, place: reads.append(place) or read(group, place)
    )
    for index in (0, 1, 0, 2, 0, 1):
        lazy[index]
        assert lazy._bytes == sum(map(size_in_memory, lazy._kept.values())) <= 2.5 * one
    assert len(reads) == 4, "0 stays, 1 goes for 2 and comes again"
    tight = LazyBank(bank, memory=1)
    assert tight[2].name == "generator 2"
    assert len(tight._kept) == 1


def test_a_bank_that_lost_a_member_is_found_when_it_is_opened(bank):
    with h5py.File(bank, "r+") as file:
        del file["000004"]
    with pytest.raises(IntegrityError, match="added, removed or moved"):
        LazyBank(bank)


def test_a_changed_fingerprint_is_found_when_it_is_read(bank):
    with h5py.File(bank, "r+") as file:
        file["000002/pattern"][0, 0, 0] += 1
    lazy = LazyBank(bank)
    assert lazy[1].name == "generator 1"
    with pytest.raises(IntegrityError, match="something was changed"):
        lazy[2]


def test_two_of_one_name_in_a_folder_are_refused(bank):
    write_bank(bank.with_name("other.h5"), [read_bank(bank)[1]])
    with pytest.raises(InputError, match="both hold a fingerprint named 'generator 1'"):
        LazyBank(bank.parent)
