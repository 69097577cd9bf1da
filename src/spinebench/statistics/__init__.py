"""Statistics of answers about patients, as pure functions of numpy and scipy.

`intervals` and `bootstrap` (by patient), `paired` and `tiering` (two models, many models), `power`,
`agreement` and `reliability` (raters). Formulas and sources stand at the head of each file, and how
well the intervals keep their promise in `docs/statistics.md`.
"""

from spinebench.statistics.agreement import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
)
from spinebench.statistics.bootstrap import (
    bootstrap_statistic_interval,
    cluster_bootstrap_interval,
    mean_of_two_bootstrap_interval,
)
from spinebench.statistics.clusters import FEW_PATIENTS, Interval, Labels
from spinebench.statistics.intervals import (
    cluster_interval,
    cluster_mean_interval,
    cluster_ratio_interval,
    mean_of_two_interval,
)
from spinebench.statistics.paired import (
    holm,
    mcnemar,
    paired_difference_interval,
    paired_permutation,
)
from spinebench.statistics.power import (
    detectable_difference,
    expected_spread,
    observed_spread,
    patients_needed,
    power_to_see,
)
from spinebench.statistics.reliability import icc, icc_interval, pearson
from spinebench.statistics.tiering import Pair, Tiers, tiers

__all__ = [
    "FEW_PATIENTS",
    "Interval",
    "Labels",
    "Pair",
    "Tiers",
    "bootstrap_statistic_interval",
    "cluster_bootstrap_interval",
    "cluster_interval",
    "cluster_mean_interval",
    "cluster_ratio_interval",
    "cohen_kappa",
    "detectable_difference",
    "expected_spread",
    "fleiss_kappa",
    "gwet_ac1",
    "holm",
    "icc",
    "icc_interval",
    "krippendorff_alpha",
    "mcnemar",
    "mean_of_two_bootstrap_interval",
    "mean_of_two_interval",
    "observed_spread",
    "paired_difference_interval",
    "paired_permutation",
    "patients_needed",
    "pearson",
    "power_to_see",
    "tiers",
]
