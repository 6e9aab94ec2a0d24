"""The tables themselves: what ships, a user's own, and broken ones."""

import re
from datetime import date
from pathlib import Path

import pytest

from db.redlist import Category, RedListError, as_csv, load

HEADER = (
    "scientificName,commonName,taxonRank,category,criteria,yearAssessed,yearPublished,trend,countries,reintroduced,"
    "labels,citation,retrieved"
)
SNOW_LEOPARD = (
    "Panthera uncia,Snow leopard,species,VU,C1,2016,2017,decreasing,AF CN NP,,snow_leopard,McCarthy 2017,2026-11-24"
)


def written(tmp_path: Path, *lines: str) -> Path:
    """A user's table with these lines."""
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_shipped_citation_names_its_taxon_and_an_assessment_of_that_year():
    """A citation belongs to its row, carries the Red List's identifier, and is not older than the assessment."""
    red_list = "The IUCN Red List of Threatened Species"
    for taxon in load().taxa:
        species = " ".join(taxon.scientific_name.split()[:2])
        cited = re.fullmatch(rf".+ (\d{{4}})\. {species}.*\. {red_list} \1: e\.T\d+A\d+\.", taxon.citation)
        assert cited, taxon.citation
        assert taxon.assessed <= taxon.published == int(cited[1])


def test_only_the_arctic_fox_the_white_rhino_and_the_jaguar_are_not_threatened():
    """So nobody may write of eleven endangered species."""
    mild = {taxon.scientific_name for taxon in load().taxa if not taxon.category.threatened}
    assert mild == {"Vulpes lagopus", "Ceratotherium simum", "Panthera onca"}


def test_the_version_is_the_date_and_a_digest_of_what_was_read(tmp_path):
    """The same files give the same version, another table gives another."""
    shipped = load()
    assert re.fullmatch(rf"{shipped.date.isoformat()} [0-9a-f]{{8}}", shipped.version)
    assert shipped.date >= date(2026, 11, 24)
    assert load().version == shipped.version
    assert load(written(tmp_path, HEADER, SNOW_LEOPARD)).version != shipped.version


def test_a_users_table_adds_a_species_of_their_own(tmp_path):
    """A new label resolves, narrows and has a title; the shipped labels stay as they were."""
    mine = load(written(tmp_path, HEADER, SNOW_LEOPARD))
    found = mine.resolve("snow_leopard", "NP")
    assert (found.category, found.title) == ("VU", "Snow leopard")
    assert mine.resolve("snow_leopard", "KE").out_of_range
    assert mine.resolve("rhino", "KE") == load().resolve("rhino", "KE")


def test_a_users_row_replaces_the_taxon_of_the_same_name(tmp_path):
    """A national category takes the place of the global one, and the place in the order is kept."""
    row = "Panthera onca,Jaguar,species,EN,C1,2024,2024,decreasing,MX,,jaguar,Lista Roja 2024,2026-11-24"
    mine = load(written(tmp_path, HEADER, row))
    assert mine.resolve("jaguar", "MX").worst is Category.EN
    assert mine.resolve("jaguar", "BR").out_of_range
    assert [taxon.scientific_name for taxon in mine.taxa] == [taxon.scientific_name for taxon in load().taxa]


def test_of_several_rows_of_one_taxon_the_last_published_is_in_force(tmp_path):
    """The others say what it was before, whatever their order; another table's rows for a taxon replace them all."""
    former = SNOW_LEOPARD.replace(",VU,C1,2016,2017,", ",EN,C1,2008,2008,")
    mine = load(written(tmp_path, HEADER, SNOW_LEOPARD, former))
    assert mine.resolve("snow_leopard", "NP").category == "VU"
    assert [(row.category, row.published) for row in mine.former] == [("EN", 2008)]
    first = tmp_path / "first.csv"
    first.write_bytes(as_csv((*mine.taxa, *mine.former)))
    assert load(first, written(tmp_path, HEADER, SNOW_LEOPARD)).former == ()


def test_a_table_that_was_written_reads_the_same(tmp_path):
    """So that what counted once can be had again: its version is made of what it says, not of where it stands."""
    mine = load(written(tmp_path, HEADER, SNOW_LEOPARD.replace("NP,,", "NP,IN,")))
    assert mine.resolve("snow_leopard", "IN").category == "VU"
    copy = tmp_path / "copy.csv"
    copy.write_bytes(as_csv((*mine.taxa, *mine.former)))
    assert load(copy) == mine


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path):
    """A byte order mark, Windows line ends, columns in another order and empty rows at the end do no harm."""
    columns = dict(zip(HEADER.split(","), SNOW_LEOPARD.split(","), strict=True))
    names = sorted(columns)
    text = "\r\n".join([",".join(names), ",".join(columns[name] for name in names), "," * (len(names) - 1)])
    path = tmp_path / "mine.csv"
    path.write_bytes(text.encode("utf-8-sig"))
    assert load(path).resolve("snow_leopard", "CN").category == "VU"


@pytest.mark.parametrize(
    ("was", "is_now", "column"),
    [
        ("Panthera uncia", "snow leopard", "scientificName"),
        (",Snow leopard,", ",,", "commonName"),
        (",species,", ",Species,", "taxonRank"),
        (",VU,", ",Vulnerable,", "category"),
        (",2016,", ",16,", "yearAssessed"),
        (",2017,", ",,", "yearPublished"),
        (",decreasing,", ",down,", "trend"),
        ("AF CN NP", "AF China", "countries"),
        ("AF CN NP", "", "countries"),
        (",snow_leopard,", ",Snow Leopard,", "labels"),
        (",McCarthy 2017", ",", "citation"),
        ("NP,,", "NP,Pakistan,", "reintroduced"),
        ("2026-11-24", "24.11.2026", "retrieved"),
        ("2026-11-24", "2026-11-31", "retrieved"),
    ],
)
def test_a_wrong_cell_is_named_by_file_line_and_column(tmp_path, was, is_now, column):
    """The message leads to the cell and says what belongs there."""
    path = written(tmp_path, HEADER, SNOW_LEOPARD.replace(was, is_now))
    with pytest.raises(RedListError, match=rf"{re.escape(str(path))}, line 2, column {column}: .* expected "):
        load(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], r"line 1: columns '' found, expected scientificName,"),
        ([HEADER.replace("trend", "tendency")], r"line 1: columns .*tendency.* found, expected scientificName,"),
        ([HEADER.replace(",", ";"), SNOW_LEOPARD.replace(",", ";")], r"line 1: columns .* found, expected"),
        ([HEADER, SNOW_LEOPARD, SNOW_LEOPARD], r"line 3, column scientificName: 'Panthera uncia' twice"),
        ([HEADER, SNOW_LEOPARD + ", T."], r"line 2: 14 cells found, expected 13"),
        ([HEADER, '"Panthera'], r"not a CSV file in UTF-8"),
    ],
)
def test_a_broken_table_is_refused_with_what_was_expected(tmp_path, lines, message):
    """Wrong columns, a second row for one taxon, loose commas and open quotes each have their own sentence."""
    path = written(tmp_path, *lines)
    with pytest.raises(RedListError, match=message) as raised:
        load(path)
    assert str(path) in str(raised.value)


def test_a_file_in_another_encoding_or_not_there_is_refused(tmp_path):
    """Latin-1 and a missing file are told apart."""
    path = tmp_path / "mine.csv"
    with pytest.raises(RedListError, match="cannot be read"):
        load(path)
    path.write_bytes(f"{HEADER}\n{SNOW_LEOPARD}é".encode("latin-1"))
    with pytest.raises(RedListError, match="not a CSV file in UTF-8"):
        load(path)
