"""What we know about customs, as data: codes, phrases, laws, operators, advice. Loading refuses nonsense."""

from __future__ import annotations

from dataclasses import dataclass

from workers.core.advise import Table
from workers.core.classify import Classifier
from workers.core.forecast import Priors
from workers.core.model import Operator
from workers.core.rules import Law, Rates
from workers.knowledge import law, table, words
from workers.knowledge.rates import EcbRates


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything we know, loaded and checked."""

    classifier: Classifier
    law: Law
    operators: tuple[Operator, ...]
    table: Table
    priors: Priors
    rates: Rates


def load() -> Knowledge:
    """Load all knowledge that ships with this code; raises Misconfigured with every mistake."""
    return Knowledge(
        classifier=words.load(),
        law=law.load_law(),
        operators=law.load_operators(),
        table=table.load_table(),
        priors=table.load_priors(),
        rates=EcbRates(),
    )
