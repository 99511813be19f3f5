"""Programs that follow links and load pictures, as they name themselves: a table with the source of each row. Pure.

Beside it stands crawlerdetect's list of some thousand crawlers. Who hides behind a browser's name is told by how he
comes, not by what he says (`judging.py`). Safe Links checks a link in a browser's clothes when the mail comes in; the
click itself comes from the reader's own browser. No row knows a mail proxy of Naver, Daum or Kakao: we found no word
of theirs about how they name themselves, so what cannot be told there is `unknown`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple


class Does(StrEnum):
    """`proxy`: loads a picture because its reader does. `ahead`: before anybody reads. `scans`: looks links through."""

    PROXY = "proxy"
    AHEAD = "ahead"
    SCANS = "scans"


class Machine(NamedTuple):
    pattern: str
    """Somewhere in the User-Agent, whatever the case."""
    does: Does
    name: str
    source: str


MACHINES: Final = (
    Machine(r"GoogleImageProxy", Does.PROXY, "Gmail",
            "https://support.google.com/mail/answer/145919; https://www.scientiamobile.com/what-is-google-image-proxy/"),
    Machine(r"YahooMailProxy|YahooCacheSystem", Does.PROXY, "Yahoo Mail",
            "https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html (named in the agent itself)"),
    Machine(r"^Mozilla/5\.0$", Does.AHEAD, "Apple Mail Privacy Protection",
            "https://www.apple.com/legal/privacy/data/en/mail-privacy-protection/"),
    Machine(r"Chrome/42\.0\.2311\.135 Safari/537\.36 Edge/12\.246", Does.AHEAD,
            "a browser of 2015: what loads mails ahead wears its name",
            "https://github.com/jdavidbakr/mail-tracker/issues/255"),
    Machine(r"safelinks|exchange online protection", Does.SCANS, "Microsoft Defender for Office 365",
            "https://learn.microsoft.com/en-us/defender-office-365/safe-links-about"),
    Machine(r"barracuda|mimecast|proofpoint|urldefense|fireeye|trellix|forcepoint|sophos|symantec|trend ?micro|zscaler|"
            r"ironport|clamav", Does.SCANS, "mail gateways, by their makers' names",
            "https://github.com/resend/resend-node/issues/901"),
    Machine(r"ahnlab|jiransecurity|spamsniper", Does.SCANS, "Korean mail gateways, by their makers' names",
            "the makers' own names; no published agent"),
    Machine(r"kakaotalk-scrap", Does.SCANS, "KakaoTalk's preview of links",
            "https://devtalk.kakao.com/t/scrap/33984 (named in the agent itself)"),
    Machine(r"\bYeti/", Does.SCANS, "Naver", "https://naver.me/spd (named in the agent itself)"),
    Machine(r"previe?w", Does.SCANS, "previews of links in messengers", "as they name themselves: SkypeUriPreview …"),
)  # fmt: skip
_KNOWN: Final = tuple((re.compile(one.pattern, re.IGNORECASE), one) for one in MACHINES)


def named(agent: str) -> Machine | None:
    """The row a User-Agent is of."""
    agent = agent.strip()
    return next((one for pattern, one in _KNOWN if pattern.search(agent)), None)
