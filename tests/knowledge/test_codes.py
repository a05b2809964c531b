"""Every codes file, by walking the directory: no contradiction with its own words, no side it does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from workers import resources
from workers.core.classify import CUSTOMS, Classifier, Code
from workers.core.codes import system_of
from workers.core.lexicon import Says
from workers.core.model import Addressee, Charges, Side, Stage
from workers.errors import Misconfigured
from workers.knowledge import words

FOLDER = resources.knowledge("codes")
SYSTEMS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def known() -> dict[str, dict[str, Code]]:
    return words.load_codes(FOLDER)


@cache
def reader() -> Classifier:
    """English and Chinese alone, the languages in which our glosses are written."""
    grammar = words.load_grammar(resources.knowledge("grammar.yaml"))
    folder = resources.knowledge("phrases")
    languages = [words.load_language(folder / f"{lang}.yaml", grammar) for lang in ("en", "zh")]
    return words.build(languages, grammar, known())


def every() -> Iterator[tuple[str, str, Code]]:
    for system, codes in known().items():
        for written, code in codes.items():
            yield system, written, code


# --- what a code says --------------------------------------------------------------------------------------

FAMILIES = {
    "open customs": {
        Stage.IMPORT_CUSTOMS, Stage.INSPECTION, Stage.HELD, Stage.DOCUMENTS_REQUIRED, Stage.PAYMENT_DUE,
        Stage.PAYMENT_RECEIVED, Stage.CLEARANCE_DELAY, Stage.EXPORT_CUSTOMS, Stage.TRANSIT_CUSTOMS,
    },
    "cleared": {Stage.RELEASED, Stage.EXPORT_CLEARED},
    "refused": {Stage.REFUSED},
    "under way": {Stage.PRE_TRANSIT, Stage.IN_TRANSIT, Stage.ARRIVED_DESTINATION, Stage.OUT_FOR_DELIVERY},
    "at hand": {Stage.AVAILABLE_FOR_PICKUP},
    "delivered": {Stage.DELIVERED},
    "trouble": {Stage.EXCEPTION, Stage.DELIVERY_FAILED, Stage.RETURNING},
    "unknown": {Stage.UNKNOWN},
}  # fmt: skip
_OF = {stage: family for family, stages in FAMILIES.items() for stage in stages}

# Codes whose gloss alone reads as another family, by the reason why the code is right.
OTHERWISE = {
    "one value for security, customs and fees": (
        "17track DELIVERYFAILURE_SECURITY",
        "17track EXCEPTION_SECURITY",
    ),
    "the collection point signs, at the start of the road": ("cainiao PU_SIGN_IN_SUCCESS",),
    "the sorting centre signs, not the buyer": ("cainiao SC_SIGN_IN_SUCCESS",),
    "the list says destination's customs; 异常 alone is any exception": ("cainiao CC_IM_FAILURE",),
    "the list says customs; 异常 alone is any exception": ("cainiao CUS_FAILURE",),
    "the signing failed": (
        "cainiao GTMS_SIGN_FAILURE",
        "cainiao GSTA_SIGN_FAIL",
        "cainiao GSTA_BUYER_SIGN_FAIL",
        "cainiao STA_SIGN_FAIL",
    ),
    "the station's signing failed": ("cainiao GTMS_STA_SIGN_FAILURE",),
    "the station could not take it in": ("cainiao GSTA_INBOUND_FAIL",),
    "the buyer signs at the station": (
        "cainiao GSTA_BUYER_SIGN",
        "cainiao STA_SIGN",
    ),
    "a step of the return, which the code says and the words do not": (
        "cainiao RT_OUTBOUND",
        "cainiao RT_HO_OUT",
        "cainiao RT_TRANSWH_HO_IN",
        "cainiao RT_TRANSWH_INBOUND",
        "cainiao RT_TRANSWH_OUTBOUND",
        "cainiao RT_TMS_ACCEPT",
    ),
    "a sale was annulled, nothing happened to the parcel": ("canadapost 190",),
    "weak: preparing for export is not yet customs": ("canadapost 815",),
    "the recipient's own box": (
        "canadapost 1426",
        "canadapost 1433",
    ),
    "weak: a partner still has to bring it": (
        "canadapost 1471",
        "canadapost 1472",
    ),
    "the gloss is told in few words; the code's list says which event it is": (
        "correios BDE 83",
        "correios BDI 83",
        "correios BDR 83",
        "dhl RR",
        "fedex HA",
        "russianpost 5/8",
        "russianpost 24",
        "russianpost 48",
        "x12 PU",
    ),
    "an authority forbade even its return, so it was destroyed": (
        "correios BDE 61",
        "correios BDI 61",
        "correios BDR 61",
    ),
    "DHL inspects too": ("dhl SI",),
    "the value of DHL that says nothing": ("dhl UNKNOWN",),
    "the tracker failed, not the parcel": ("easypost ERROR",),
    "the UPU's import terminated, by its number": ("ips 76",),
    "the export is over, no longer with customs": ("royalmail EVHID",),
    "authorised only to go to another customs office": ("royalmail EVJFC",),
    "the post holds it for a fee that may be a customs charge": ("royalmail EVNCF",),
    "the post suspects it, at a delivery office": ("royalmail EVSUS",),
    "weak: the post stores it; customs is not named": ("russianpost 7/3",),
    "place of delivery is the addressee's post office in this list": ("russianpost 8/2",),
    "released, with a notice of customs on it": ("russianpost 14/5",),
    "released against payment: sent on, and the charges are due": ("russianpost 14/6",),
    "refused for now: the goods can still be presented, or a person decides": (
        "russianpost 14/9",
        "russianpost 14/19",
        "russianpost 14/20",
        "russianpost 39/3",
        "russianpost 39/4",
        "russianpost 39/6",
    ),
    "a finished inspection is not yet a release": ("russianpost 14/12",),
    "the declaration is rejected, not the parcel": ("russianpost 14/15",),
    "what is permitted is the return": ("russianpost 14/22",),
    "a preliminary decision, before the goods are there": ("russianpost 39/2",),
}
_EXCEPTED = {tuple(pair.split(" ", 1)) for pairs in OTHERWISE.values() for pair in pairs}


def contradicts(code: Code) -> str:
    """Return how the gloss, up to a remark behind ";", reads as another family, side or charges; "" where it does not."""
    read = reader().read(code.means.partition(";")[0])
    if read.stage is Stage.UNKNOWN:
        return ""
    sides = {read.side, code.says.side} - {None}
    charges = {read.charges, code.says.charges} - {Charges.UNKNOWN}
    if _OF[read.stage] != _OF[code.says.stage] or len(sides) > 1 or len(charges) > 1:
        return f"{code.says.stage} reads {read.stage}: {code.means}"
    return ""


def test_a_codes_gloss_does_not_contradict_its_stage() -> None:
    odd = [
        f"{system} {written}: {why}"
        for system, written, code in every()
        if (system, written) not in _EXCEPTED and (why := contradicts(code))
    ]
    assert not odd, "\n".join(odd)


def test_every_excepted_code_exists() -> None:
    assert not [(system, code) for system, code in _EXCEPTED if code not in known()[system]]


@pytest.mark.parametrize(
    "wrong",
    [
        Code(Says(Stage.RELEASED), "held by import customs"),
        Code(Says(Stage.DELIVERED), "out for delivery"),
        Code(Says(Stage.HELD, side=Side.ORIGIN), "held by import customs"),
        Code(Says(Stage.RELEASED, charges=Charges.NONE), "released by customs, duties to be paid"),
    ],
)
def test_a_wrong_code_would_be_seen(wrong: Code) -> None:
    assert contradicts(wrong)


def test_most_glosses_are_read_at_all() -> None:
    read = [c for _, _, c in every() if reader().read(c.means.partition(";")[0]).stage is not Stage.UNKNOWN]
    assert len(read) > 0.8 * sum(1 for _ in every())


def test_every_code_has_a_gloss_and_a_source() -> None:
    bare = [(s, w) for s, w, code in every() if not code.means or not code.source or code.checked is None]
    assert not bare


_UNSAID = re.compile(r"export or import|import or export|is not said|whose is not")


def test_a_code_that_does_not_tell_export_from_import_has_no_side() -> None:
    said = [
        (s, w) for s, w, c in every() if _UNSAID.search(c.means) and c.says.stage in CUSTOMS and c.says.side
    ]
    assert said == [("seko", "OP-2")], "its export hub is at the origin, whoever holds it there"


def test_a_code_that_names_the_side_of_customs_has_that_side() -> None:
    wrong = []
    for system, written, code in every():
        means = code.means.partition(";")[0]
        if code.says.stage not in CUSTOMS or _UNSAID.search(code.means) or system == "russianpost":
            continue
        if "import customs" in means and code.says.side is not Side.DESTINATION:
            wrong.append((system, written))
        if "export customs" in means and code.says.side is not Side.ORIGIN:
            wrong.append((system, written))
    assert not wrong


def test_codes_ask_the_buyer_to_act_only_where_their_list_does() -> None:
    asks = {(s, w) for s, w, code in every() if code.says.addressee is Addressee.BUYER}
    assert asks == {
        *(("correios", f"PAR {n}") for n in (11, 17, 25, 30, 33)),
        ("correios", "FC 13"),
        ("correios", "BDE 82"),
        ("correios", "BDI 82"),
        ("correios", "BDR 82"),
        ("royalmail", "EVNCF"),
        ("russianpost", "24/1065"),
    }


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("cainiao", "GTMS_STA_SIGNED"),  # the station signed
        ("cainiao", "SC_SIGN_IN_SUCCESS"),  # the sorting centre signed
        ("spring", "101"),  # delivered to the destination country
        ("laposte", "DI2"),  # delivered to the sender
        ("correios", "BDE 23"),  # delivered to the sender
        ("russianpost", "2/2"),  # delivered to the sender
        ("russianpost", "31/21"),  # delivered by the airline
        ("iata", "DLV"),  # delivered to the forwarder
        ("royalmail", "EVKLC"),  # delivered to the collection point
        ("seko", "OP-76"),
        ("dhl", "CC"),
    ],
)
def test_delivered_to_somebody_else_is_not_delivered(system: str, code: str) -> None:
    assert known()[system][code].says.stage is not Stage.DELIVERED


@pytest.mark.parametrize(
    ("system", "code", "charges"),
    [
        ("upu", "EDC", Charges.UNKNOWN),
        ("ips", "38", Charges.UNKNOWN),
        ("royalmail", "EVJDP", Charges.DUE),
        ("royalmail", "EVJNT", Charges.NONE),
        ("royalmail", "EVJIA", Charges.UNKNOWN),
        ("correios", "PAR 34", Charges.NONE),
        ("russianpost", "14/6", Charges.DUE),
        ("russianpost", "14/13", Charges.PAID),
    ],
)
def test_returned_from_customs_is_released_and_what_is_owed_stands_beside_it(
    system: str, code: str, charges: Charges
) -> None:
    says = known()[system][code].says
    assert (says.stage, says.charges) == (Stage.RELEASED, charges)


def test_the_same_letters_mean_different_things_in_different_lists() -> None:
    assert known()["fedex"]["CC"].says.stage is Stage.RELEASED
    assert known()["dhl"]["CC"].says.stage is Stage.AVAILABLE_FOR_PICKUP
    assert known()["x12"]["PA"].says.stage is Stage.HELD
    assert "014" not in known()["ups"], "with RZ it is good news, with BB it is not yet"


def test_tables_that_were_guessed_by_others_stay_out() -> None:
    guessed = {"CD", "CH", "CI", "CM", "CP", "CU", "DU"}
    assert not guessed & set(known()["ups"])


# --- looking up --------------------------------------------------------------------------------------------


def test_aftership_is_believed_less_than_the_words_and_the_raw_tag() -> None:
    assert all(code.weak for code in known()["aftership"].values() if code.says.stage is not Stage.UNKNOWN)
    text = "Import customs clearance started"
    assert reader().read(text, code="InTransit_005", system="aftership").stage is Stage.IMPORT_CUSTOMS
    assert reader().read("", code="CC_IM_START", system="cainiao").stage is Stage.IMPORT_CUSTOMS
    assert reader().read("", code="InTransit_005", system="aftership").stage is Stage.RELEASED


@pytest.mark.parametrize(
    ("system", "written", "stage"),
    [
        ("upu", "edb", Stage.IMPORT_CUSTOMS),
        ("upu", " EME ", Stage.HELD),
        ("cainiao", "CC＿TRANS＿START", Stage.TRANSIT_CUSTOMS),
        ("cainiao", "ＣＣ_EX_START", Stage.EXPORT_CUSTOMS),
        ("17track", "intransit_customsreleased", Stage.RELEASED),
        ("ship24", "CUSTOMS_REJECTED", Stage.REFUSED),
        ("correios", "par 25", Stage.DOCUMENTS_REQUIRED),
        ("correios", "PAR\u00a025", Stage.DOCUMENTS_REQUIRED),
        ("russianpost", "１４/１", Stage.RELEASED),
        ("ups", "x//092", Stage.IMPORT_CUSTOMS),
        ("seko", "op-5", Stage.RELEASED),
    ],
)
def test_a_code_is_found_in_any_case_and_width_and_with_blanks_around(
    system: str, written: str, stage: Stage
) -> None:
    assert reader().read("", code=written, system=system).stage is stage


@pytest.mark.parametrize(
    ("carrier", "code", "system"),
    [
        ("UPU EMSEVT", "EDB", "upu"),
        ("Royal Mail", "EVJDP", "royalmail"),
        ("Canada Post", "810", "canadapost"),
        ("Landmark Global", "135", "landmark"),
        ("Spring GDS", "2102", "spring"),
        ("ASC X12 element 157", "PA", "x12"),
        ("ASC X12 element 27", "IB", "x12element27"),
        ("DHL Express", "CC", "dhl"),
        ("FedEx", "CC", "fedex"),
        ("AliExpress / Cainiao", "CC_IM_SUCCESS", "cainiao"),
        ("", "CC", ""),
        ("somebody", "135", ""),
        ("somebody", "DELIVERED", ""),
    ],
)
def test_a_carriers_name_leads_to_its_list(carrier: str, code: str, system: str) -> None:
    assert system_of(known(), code, carrier) == system


@pytest.mark.parametrize("second", ["CC_IM_START", "cc_im_start", "CC＿IM＿START"])
def test_a_code_that_stands_twice_is_refused_with_its_line(second: str, tmp_path: Path) -> None:
    (tmp_path / "xx.yaml").write_text(
        "system: xx\ntitle: X\nsource: a list\nchecked: 2026-11-01\ncodes:\n"
        f"  CC_IM_START: {{stage: import_customs}}\n  {second}: {{stage: released}}\n",
        encoding="utf-8",
    )
    with pytest.raises(Misconfigured, match=r"xx\.yaml:7: .*(twice|CC_IM_START)"):
        words.load_codes(tmp_path)


def test_a_system_must_bear_its_files_name(tmp_path: Path) -> None:
    (tmp_path / "xx.yaml").write_text(
        "system: yy\ntitle: X\nsource: a list\nchecked: 2026-11-01\ncodes: {A: {stage: held}}\n",
        encoding="utf-8",
    )
    with pytest.raises(Misconfigured, match="system 'yy' must be the file's name"):
        words.load_codes(tmp_path)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_file_opens_with_what_must_be_known_of_it_and_names_itself_in_plain_letters(
    system: str,
) -> None:
    text = (FOLDER / f"{system}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert re.fullmatch(r"[a-z0-9]+", system)
    assert known()[system]
