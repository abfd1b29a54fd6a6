"""Every model passes every check; River's classifiers pass River's, too."""

from __future__ import annotations

import pytest
from river import checks as river_checks

from models.logit import BayesLogit
from tests.contract.checks import Check, yield_checks
from tests.contract.subject import Subject
from tests.contract.subjects import SUBJECTS

CASES = [(subject, check) for subject in SUBJECTS for check in yield_checks(subject)]


@pytest.mark.parametrize(("subject", "check"), CASES, ids=[f"{s.__name__}-{c.__name__[6:]}" for s, c in CASES])
def test_it_keeps_the_contract(subject: type[Subject], check: Check) -> None:
    check(subject)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("classifier", [BayesLogit(), BayesLogit(rho=0.99)], ids=["plain", "forgetting"])
def test_river_accepts_its_classifiers(classifier: BayesLogit) -> None:
    # Those that the model says it can't pass, with the reason, are left out by River itself.
    river_checks.check_estimator(classifier)
