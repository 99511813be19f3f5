"""Public holidays of a country, by the kept library `holidays`.

For Korea it knows Seollal and Chuseok by the lunar calendar, the substitute holidays of the
law on public holidays, election days that follow from the term of office, and temporary
holidays that the government declared before its version was made. What is declared later is
put in by hand as an exception of a calendar.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from contact.errors import Invalid

YEARS = range(1990, 2101)
"""Years that are asked for; others have no public holidays here."""


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """All public holidays of a country or one part of it: `day in holidays`. An empty country has none."""

    country: str
    subdivision: str = ""

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day in _year(self.country, self.subdivision, day.year, "")

    def of(self, year: int, language: str = "") -> dict[date, str]:
        """The year's days and their names; in `ko` or `en` where the library has them, else in the country's own."""
        return dict(sorted(_year(self.country, self.subdivision, year, language).items()))

    def checked(self) -> PublicHolidays:
        """Itself; raises `Invalid` for what the library does not know."""
        if not self.country and self.subdivision:
            raise Invalid("Choose the country of this region first.")
        if self.country and self.country not in countries():
            raise Invalid("Public holidays of %(name)s are not known.", name=self.country[:20])
        if self.subdivision and self.subdivision not in countries()[self.country]:
            raise Invalid("There is no region %(name)s in this country.", name=self.subdivision[:20])
        return self


@lru_cache(maxsize=1)
def countries() -> dict[str, tuple[str, ...]]:
    """Two-letter codes of the countries that are known, and the codes of their regions."""
    import holidays

    return {
        code: tuple(parts) for code, parts in sorted(holidays.list_supported_countries(include_aliases=False).items())
    }


@lru_cache(maxsize=512)
def _year(country: str, subdivision: str, year: int, language: str) -> dict[date, str]:
    import holidays

    if not country or year not in YEARS:
        return {}
    known: Any = holidays.country_holidays(
        country, subdiv=subdivision or None, years=year, expand=False, language=_language(country, language)
    )
    return {day: str(name) for day, name in known.items() if day.year == year}


def _language(country: str, language: str) -> str | None:
    """The library's word for our language, None for the country's own."""
    import holidays

    spoken = holidays.list_localized_countries(include_aliases=False).get(country, [])
    return next((one for one in spoken if language and one.split("_")[0] == language), None)
