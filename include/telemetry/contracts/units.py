"""Names of units, as UCUM writes them (The Unified Code for Units of Measure, ucum.org), with the signs people write.

A unit is a product of powers: ``m/s2``, ``ug/m3``, ``kW.h``, ``1/min``. A prefix stands before a metric unit.
Nothing is converted by these names: they are checked, so that one quantity is not written in five ways.
"""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PREFIXES: Final = ("da", *"QRYZEPTGMkhdcmuµμnpfazyrq")
METRIC: Final = _words(
    """
    m g s A K mol cd rad sr Hz N Pa J W C F Ohm Ω S Wb T H lm lx Bq Gy Sv kat Cel °C l L t eV bar V VA var Wh VAh varh
    Ah b bit By byte B Bd cal u G
    """
)
"""Units that take a prefix."""
OTHER: Final = _words(
    """
    % ‰ ° ' 1 deg °F K min h d wk mo a ppm [ppm] ppb [ppb] [ppt] pH [pH] [degF] [psi] psi [in_i] in [ft_i] ft [yd_i] yd
    [mi_i] mi [kn_i] kn kt [nmi_i] nmi ha ar [lb_av] lb [oz_av] oz [gal_us] gal rpm dB dBm dBA dBi atm mm[Hg] mmHg
    m[H2O] inHg mph kph NTU FNU Bft count {count} px lux index {index} IU Torr torr AU hp Btu
    """
)
"""Units and signs that take none."""
_ATOM: Final = re.compile(r"(?P<name>\S*?[^\d\s^²³+-])(?:\^?[+-]?\d|[²³])?")


def known_unit(text: str) -> str:
    """The unit as it is, where it is one or nothing.

    Raises:
        ValueError: it is none, in words for people.
    """
    if text and not all(_is_known(part) for part in re.split(r"[/.·*]", text)):
        raise ValueError(
            f"{text!r} is not a unit: write it as UCUM does, such as Cel, %, m/s, ug/m3 or kW.h, or describe it in the "
            "description"
        )
    return text


def _is_known(part: str) -> bool:
    if part in OTHER:
        return True
    found = _ATOM.fullmatch(part)
    if found is None:
        return False
    name = found["name"]
    return name in OTHER or name in METRIC or any(name.removeprefix(prefix) in METRIC for prefix in PREFIXES)
