"""Which column is what: guessed by its heading, in Korean and English, and chosen by a person. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from contact.errors import Invalid
from contact.text import N_

FIELDS: Final[Mapping[str, str]] = {
    "": N_("leave out"),
    "name": N_("Name"),
    "given": N_("First name"),
    "family": N_("Family name"),
    "organisation": N_("Organisation"),
    "email": N_("E-mail"),
    "phone": N_("Telephone"),
    "fax": N_("Fax"),
    "post": N_("Postal address"),
    "postcode": N_("Postal code"),
    "language": N_("Language"),
    "tags": N_("Tags"),
    "consent": N_("Consent to advertising (yes or no)"),
    "consent_text": N_("What they agreed to"),
    "consent_when": N_("When they agreed"),
    "consent_how": N_("How they agreed"),
    "trade": N_("What they bought (kind of goods)"),
    "trade_when": N_("When they bought it"),
}
PROOF: Final = ("text", "when", "how")
"""What a consent rests on: columns `consent_…`, or once for the whole file."""
OWN: Final = "own:"
"""Before the name of a field of the house's own."""
NEW: Final[Mapping[str, str]] = {
    "new:text": N_("a new field: text"),
    "new:number": N_("a new field: number"),
    "new:date": N_("a new field: day"),
}
"""A column may make a field of its heading when the import starts."""
ADDRESSES: Final = ("email", "phone", "fax", "post")
SEVERAL: Final = ("", "email", "phone", "fax", "post", "tags")
"""Fields that more than one column may be."""

_KNOWN: Final[Mapping[str, str]] = {
    "name": "이름 성명 고객명 담당자 담당자명 성함 회원명 수신자 name fullname displayname contactname formattedname",
    "given": "이름성제외 firstname givenname forename",
    "family": "성 lastname surname familyname",
    "organisation": "회사 회사명 업체 업체명 상호 기관 기관명 소속 organisation organization company companyname org",
    "email": "이메일 메일 메일주소 이메일주소 전자우편 email emailaddress mail emailaddress1 email1value email2value",
    "phone": "전화 전화번호 휴대폰 휴대전화 휴대폰번호 핸드폰 핸드폰번호 연락처 모바일 휴대전화번호 "
    "phone phonenumber contactphonenumber tel telephone mobile mobilephone cell cellphone homephone businessphone "
    "workphone phone1value",
    "fax": "팩스 팩스번호 fax faxnumber businessfax",
    "post": "주소 우편주소 도로명주소 배송지 주소지 address postaladdress homeaddress streetaddress",
    "postcode": "우편번호 postcode zip zipcode postalcode",
    "language": "언어 language lang",
    "tags": "태그 분류 그룹 tags tag categories category groups labels",
    "consent": "수신동의 마케팅동의 광고수신동의 마케팅수신동의 광고성정보수신동의 수신동의여부 광고수신동의여부 "
    "마케팅수신동의여부 consent optin marketingconsent consenttoadvertisingyesorno",
    "consent_text": "동의문 동의내용 동의문구 동의한문구 동의문버전 consenttext consentversion whattheyagreedto",
    "consent_when": "동의일 동의일시 동의일자 동의날짜 수신동의일 수신동의일시 수신동의일자 광고수신동의일 "
    "마케팅동의일 마케팅수신동의일 광고수신동의일시 consentdate consentat consentwhen optindate whentheyagreed",
    "consent_how": "동의방법 동의경로 수집경로 consentmethod consenthow optinsource howtheyagreed",
    "trade": "구매상품군 거래상품군 구매품목군 구매한상품종류 purchasedgoods boughtgoods whattheyboughtkindofgoods",
    "trade_when": "구매일 구매한날 거래일 거래종료일 최근구매일 purchasedate lastpurchase purchasedat whentheyboughtit",
}
_BY_NAME: Final = {word: field for field, words in _KNOWN.items() for word in words.split()}
_NOISE = re.compile(r"[\W_]+|\(.*?\)")
_LIKE_DATA = re.compile(r"@|\d{5}|^\+?[\d\s().-]{7,}$")


def guess(heading: str) -> str:
    """The field a heading names, "" when it names none."""
    return _BY_NAME.get(_NOISE.sub("", unicodedata.normalize("NFKC", heading)).casefold(), "")


def looks_like_header(cells: Sequence[str]) -> bool:
    """Whether the first row names the columns: some known name, and nothing that looks like an address."""
    filled = [cell for cell in cells if cell.strip()]
    if any(guess(cell) for cell in filled):
        return True
    return bool(filled) and len(filled) == len(cells) and not any(_LIKE_DATA.search(cell.strip()) for cell in filled)


def guessed(header: Sequence[str], samples: Sequence[Sequence[str]]) -> list[str]:
    """A field for each column, by its heading, else by what stands in it."""
    width = max([len(header), *map(len, samples)], default=0)
    found: list[str] = []
    for place in range(width):
        field = guess(header[place]) if place < len(header) else ""
        if not field:
            field = _by_content([row[place] for row in samples if place < len(row) and row[place].strip()])
        found.append(field if field in SEVERAL or field not in found else "")
    return found


def _by_content(cells: Sequence[str]) -> str:
    if not cells:
        return ""
    if all("@" in cell for cell in cells):
        return "email"
    return "phone" if all(re.fullmatch(r"(?:\+82|0)[\d\s().-]{8,}", cell.strip()) for cell in cells) else ""


def unproved(fields: Sequence[str]) -> list[str]:
    """Of a file that knows of consents: what no column of it says, and has to be said for all rows."""
    if "consent" not in fields and "consent_when" not in fields:
        return []
    return [part for part in PROOF if f"consent_{part}" not in fields]


def checked(given: Sequence[str], own: Collection[str] = ()) -> tuple[str, ...]:
    """A choice of fields that makes sense; raises `Invalid`. `own`: the house's own fields, as `own:name`."""
    chosen = tuple(given)
    if unknown := [field for field in chosen if field not in FIELDS and field not in NEW and field not in own]:
        raise Invalid(N_("There is no field named “%(name)s”."), name=unknown[0][:40])
    for field in chosen:
        if field not in SEVERAL and field not in NEW and chosen.count(field) > 1:
            raise Invalid(N_("Two columns cannot both be “%(field)s”."), field=FIELDS.get(field, field))
    if not any(field in ADDRESSES for field in chosen):
        raise Invalid(N_("Say which column holds an e-mail address, a number or a postal address."))
    return chosen
