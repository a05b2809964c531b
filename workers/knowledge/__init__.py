"""What we know about customs, as data: codes, phrases, laws, operators, advice. Loading refuses nonsense."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workers.core.advise import Table
from workers.core.causes import Wording
from workers.core.classify import Classifier
from workers.core.forecast import Priors
from workers.core.model import Operator
from workers.core.rules import Law, Rates
from workers.knowledge.law import load_law, load_operators
from workers.knowledge.rates import EcbRates
from workers.knowledge.table import load_priors, load_table
from workers.knowledge.wordings import load_wordings
from workers.knowledge.words import load as load_words


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything we know, loaded and checked."""

    classifier: Classifier
    law: Law
    operators: tuple[Operator, ...]
    table: Table
    priors: Priors
    wordings: tuple[Wording, ...]
    rates: Rates


@cache  # it ships with the code and does not change under a running process
def load_classifier() -> Classifier:
    """Load the words and codes alone; raises Misconfigured with every mistake."""
    return load_words()


@cache
def load() -> Knowledge:
    """Load all knowledge that ships with this code; raises Misconfigured with every mistake."""
    return Knowledge(
        classifier=load_classifier(),
        law=load_law(),
        operators=load_operators(),
        table=load_table(),
        priors=load_priors(),
        wordings=load_wordings(),
        rates=EcbRates(),
    )
