"""Detectors of reports: disproportionality, and what explains it."""

from types import MappingProxyType

from detectors import (
    calibration,
    e_value,
    logistic,
    masking,
    multiplicity,
    operating,
    subgroup,
)
from detectors.catalogue import samples
from detectors.catalogue.description import Call, Description
from detectors.counts import Table
from detectors.disproportionality import ebgm, lrt
from detectors.disproportionality.bcpnn import bcpnn_normal
from detectors.disproportionality.chi_square import chi_square, chi_square_values
from detectors.disproportionality.exact import fisher
from detectors.disproportionality.ic import expected_limit, ic
from detectors.disproportionality.prr import prr, prr_log_lower, prr_reaches
from detectors.disproportionality.ror import ror, ror_haldane, ror_log_lower
from detectors.estimate import Estimate
from detectors.features import onset, onset_shape, spread, trend

_PRIOR = ebgm.Prior(0.2, 0.1, 2.0, 4.0, 1 / 3)  # often a search's start, and no fit to anything


def _ic_of(table: Table) -> Estimate:
    return ic(table.n_pair, table.expected)


def _ebgm_of(table: Table) -> Estimate:
    scored = ebgm.score(table.n_pair, table.expected, _PRIOR)
    return Estimate(
        point=scored.ebgm,
        lower=scored.quantile(0.05),
        upper=scored.quantile(0.95),
        state=scored.state,
    )


_REPORTS_ARE_INDEPENDENT = "reports are independent, and each counts once for a pair"
_NO_DENOMINATOR = "says nothing of incidence: nobody counts the patients who were not reported"
_OTHERS_ARE_COMPARABLE = "the other products' reports stand for the event's background"
_OF_REPORTS = (_REPORTS_ARE_INDEPENDENT, _OTHERS_ARE_COMPARABLE, _NO_DENOMINATOR)
_NEAR_NORMAL = "counts are large enough for the logarithm to be near normal"
_KNOWN = "the expected count is known without error"
_UNDER_A_NULL = ("the null is known", "the estimate is near normal on the log scale")
_CALIBRATED = (
    "level and coverage are nominal if the null is right; within 1.4 points with 400 controls "
    "(simulated)"
)
_CHOSEN = ("log odds are additive over products", "the products were chosen before looking")

REPORTS = MappingProxyType(
    {
        "prr": Description(
            module="disproportionality.prr",
            also=(
                prr_reaches,
                prr_log_lower,
            ),
            statistic="proportional reporting ratio with Wald limits on the log scale",
            citation=("Evans, Waller and Davis (2001), Pharmacoepidemiol Drug Saf 10:483-486"),
            assumptions=(
                *_OF_REPORTS,
                _NEAR_NORMAL,
                "some reports of the product lack the event; else the interval is too short",
            ),
            smallest_count=3,
            characteristics=(
                "lower limit above 1 with 3 reports, no association: 0.02 %, 1.9 %, 3.1 %, 2.8 % "
                "where 0.1, 1, 5, 50 are expected; Evans's rule: 0.02 %, 1.9 %, 3.1 %, below 1e-9"
            ),
            evaluate=prr,
        ),
        "ror": Description(
            module="disproportionality.ror",
            also=(ror_log_lower,),
            statistic="reporting odds ratio with Woolf limits on the log scale",
            citation="van Puijenbroek et al. (2002), Pharmacoepidemiol Drug Saf 11:3-10",
            assumptions=(
                *_OF_REPORTS,
                _NEAR_NORMAL,
            ),
            smallest_count=3,
            characteristics=(
                "lower limit above 1 with 3 reports, no association: 0.02 %, 1.9 %, 3.1 %, 2.8 % "
                "where 0.1, 1, 5, 50 are expected; finds an odds ratio of 2 in 0.1 %, 14 %, 54 %, "
                "100 %"
            ),
            evaluate=ror,
        ),
        "ror_haldane": Description(
            module="disproportionality.ror",
            statistic="reporting odds ratio with a half added to every cell of every table",
            citation=(
                "Haldane (1956), Ann Hum Genet 20:309-311; Anscombe (1956), Biometrika 43:461-464"
            ),
            assumptions=(
                *_OF_REPORTS,
                "a prior worth half a report in each cell is acceptable",
            ),
            smallest_count=3,
            characteristics=(
                "defined for every table with a report; its lower limit can exceed 1 without any "
                "report of the pair"
            ),
            evaluate=ror_haldane,
        ),
        "chi_square": Description(
            module="disproportionality.chi_square",
            also=(chi_square_values,),
            statistic="chi-square with one degree of freedom, Yates' correction",
            citation="Yates (1934), J R Stat Soc Suppl 1:217-235",
            assumptions=(
                *_OF_REPORTS,
                "expected counts are not far below 1; use an exact test there",
                "a deficit of reports counts like an excess",
            ),
            smallest_count=3,
            characteristics="at 3.84 errs in less than 5 % where 5 or more are expected",
            evaluate=chi_square,
        ),
        "exact": Description(
            module="disproportionality.exact",
            statistic="Fisher's exact test, one-sided, also as a logarithm",
            citation="Fisher (1935), J R Stat Soc 98:39-82",
            assumptions=(
                *_OF_REPORTS,
                "both margins are held fixed",
            ),
            smallest_count=1,
            characteristics=(
                "p at most 0.05, no association: 0.5 %, 1.9 %, 3.1 %, 3.8 % where 0.1, 1, 5, 50 "
                "are expected; never above 5 %. The mid-p does not hold its level: 9.5 % where "
                "0.1 are expected"
            ),
            evaluate=fisher,
        ),
        "ic": Description(
            module="disproportionality.ic",
            also=(
                ic,
                expected_limit,
            ),
            statistic="information component with exact 95 % credibility limits, in bits",
            citation="Noren, Hopstadius and Bate (2013), Stat Methods Med Res 22:57-69",
            assumptions=(
                *_OF_REPORTS,
                _KNOWN,
                "a gamma prior worth half a report, observed and expected",
            ),
            smallest_count=3,
            characteristics=(
                "lower limit above 0, no association: 0.02 %, 0.4 %, 1.3 %, 2.1 % where 0.1, 1, "
                "5, 50 are expected; finds an odds ratio of 2 in 0.1 %, 5 %, 41 %, 100 %"
            ),
            evaluate=_ic_of,
        ),
        "bcpnn": Description(
            module="disproportionality.bcpnn",
            statistic=(
                "normal approximation of the Bayesian confidence propagation neural network"
            ),
            citation="Gould (2003), Pharmacoepidemiol Drug Saf 12:559-574",
            assumptions=(
                *_OF_REPORTS,
                "the posterior is near normal, which it is not for few reports",
            ),
            smallest_count=3,
            characteristics=(
                "for comparison with older tables alone; its lower limit differs from that of "
                "`ic` by up to 1.6 bits"
            ),
            evaluate=bcpnn_normal,
        ),
        "ebgm": Description(
            module="disproportionality.ebgm",
            also=(
                ebgm.score,
                ebgm.expected_limit,
            ),
            statistic=("empirical Bayes geometric mean with EB05 and EB95 under a given prior"),
            citation=(
                "DuMouchel (1999), Am Stat 53:177-190; DuMouchel and Pregibon (2001), KDD 67-76"
            ),
            assumptions=(
                *_OF_REPORTS,
                _KNOWN,
                "ratios of all pairs come from one mixture of two gamma distributions",
                "the prior is known; a fit comes with its evidence or is refused",
            ),
            smallest_count=1,
            characteristics=(
                "EB05 at least 2 with 3 reports at a prior near that of CAERS, no association: "
                "0.02 %, 0.01 %, 1e-6, 0 where 0.1, 1, 5, 50 are expected; finds an odds ratio of "
                "5 in 1.4 %, 23 %, 89 %, 100 %"
            ),
            evaluate=_ebgm_of,
        ),
        "ebgm_fit": Description(
            module="disproportionality.ebgm",
            also=(
                ebgm.negative_log_likelihood,
                ebgm.squash,
            ),
            statistic="maximum-likelihood prior of the EBGM, from many starts, or a refusal",
            citation="DuMouchel (1999), Am Stat 53:177-190",
            assumptions=(
                "pairs are independent given their expected counts",
                "the likelihood chosen is the one that the pairs were selected by",
            ),
            smallest_count=50,
            characteristics=(
                "intervals from the observed information cover simulated priors at the nominal "
                "rate; 5 % of simulated ratios lie below EB05 and above EB95 in every group of "
                "pairs; a flat or unconverged optimum raises an error"
            ),
            call=Call(function=ebgm.fit, arguments=samples.pairs),
        ),
        "log_likelihood_ratio": Description(
            module="disproportionality.lrt",
            statistic="log likelihood ratio of a pair against no association",
            citation="Huang, Zalkikar and Tiwari (2011), J Am Stat Assoc 106:1230-1241",
            assumptions=(
                *_OF_REPORTS,
                "the value alone says nothing of chance; `lrt` does",
            ),
            smallest_count=3,
            characteristics="none by itself",
            evaluate=lrt.log_likelihood_ratio,
        ),
        "lrt": Description(
            module="disproportionality.lrt",
            statistic=(
                "p of the greatest log likelihood ratio of a product, by simulation, and step-down"
            ),
            citation=(
                "Huang, Zalkikar and Tiwari (2011), J Am Stat Assoc 106:1230-1241; Chakraborty et "
                "al. (2022), Stat Med 41:5395-5420"
            ),
            assumptions=(
                "the events and products given are all there are",
                "under the null every product has the same mix of events",
            ),
            smallest_count=3,
            characteristics=(
                "permuted draws: family-wise error at most alpha, exactly, for any number of "
                "draws; multinomial draws: 5 to 11 % in simulation where 10 % are asked; "
                "independent Poisson draws err too often in sparse tables (17 %)"
            ),
            call=Call(function=lrt.lrt, arguments=samples.by_event_and_product),
        ),
        "bh": Description(
            module="multiplicity",
            statistic="Benjamini-Hochberg step-up over a family of p-values",
            citation="Benjamini and Hochberg (1995), J R Stat Soc B 57:289-300",
            assumptions=("p-values are independent, or positively dependent in the sense of PRDS",),
            smallest_count=1,
            characteristics="false discovery rate at most alpha times the fraction of true nulls",
            call=Call(function=multiplicity.bh, arguments=samples.p_values),
        ),
        "by": Description(
            module="multiplicity",
            statistic="Benjamini-Yekutieli step-up over a family of p-values",
            citation="Benjamini and Yekutieli (2001), Ann Stat 29:1165-1188",
            assumptions=("p-values are valid; any dependence",),
            smallest_count=1,
            characteristics=(
                "false discovery rate at most alpha whatever the dependence, at a price of 12.1 "
                "for 1e5 hypotheses"
            ),
            call=Call(function=multiplicity.by, arguments=samples.p_values),
        ),
        "storey_q": Description(
            module="multiplicity",
            statistic="q-values with an estimate of how many nulls are true",
            citation="Storey, Taylor and Siegmund (2004), J R Stat Soc B 66:187-205",
            assumptions=("p-values of true nulls are independent",),
            smallest_count=1,
            characteristics=(
                "false discovery rate at most alpha under independence; not under dependence"
            ),
            call=Call(function=multiplicity.storey_q, arguments=samples.p_values),
        ),
        "e_bh": Description(
            module="multiplicity",
            statistic="step-up over a family of e-values",
            citation="Wang and Ramdas (2022), J R Stat Soc B 84:822-852",
            assumptions=("each e-value has mean at most 1 under its null; any dependence",),
            smallest_count=1,
            characteristics="false discovery rate at most alpha whatever the dependence",
            call=Call(function=multiplicity.e_bh, arguments=samples.e_values),
        ),
        "p_to_e": Description(
            module="e_value",
            statistic="what a p-value is worth as an e-value",
            citation="Vovk and Wang (2021), Ann Stat 49:1736-1754",
            assumptions=("the p-value is valid",),
            smallest_count=1,
            characteristics="mean 1 under a uniform p; a p of 0.001 is worth 15.8",
            call=Call(function=e_value.p_to_e, arguments=lambda rng: {"p": rng.random(50)}),
        ),
        "empirical_null": Description(
            module="calibration",
            statistic="systematic error of a log ratio, from negative controls",
            citation="Schuemie et al. (2014), Stat Med 33:209-218",
            assumptions=(
                "controls are exchangeable with the pairs that are calibrated",
                "systematic error is normal, and independent of the effect",
            ),
            smallest_count=3,
            characteristics=(
                "limits of mean and spread cover nominally within 8 points with 50 controls "
                "(simulated)"
            ),
            call=Call(function=calibration.fit_null, arguments=samples.controls),
        ),
        "calibrate_p": Description(
            module="calibration",
            statistic="p-value of a log ratio allowing for systematic error",
            citation="Schuemie et al. (2014), Stat Med 33:209-218",
            assumptions=_UNDER_A_NULL,
            smallest_count=3,
            characteristics=_CALIBRATED,
            call=Call(function=calibration.calibrate_p, arguments=samples.estimates),
        ),
        "calibrate_llr": Description(
            module="calibration",
            statistic="log likelihood ratio of an excess allowing for systematic error",
            citation="Schuemie et al. (2023), Stat Med 42:619-631",
            assumptions=_UNDER_A_NULL,
            smallest_count=3,
            characteristics=_CALIBRATED,
            call=Call(function=calibration.calibrate_llr, arguments=samples.estimates),
        ),
        "calibrate_interval": Description(
            module="calibration",
            statistic="interval of a log ratio allowing for systematic error",
            citation="Schuemie et al. (2018), Proc Natl Acad Sci 115:2571-2577",
            assumptions=_UNDER_A_NULL,
            smallest_count=3,
            characteristics=_CALIBRATED,
            call=Call(function=calibration.calibrate_interval, arguments=samples.estimates),
        ),
        "leave_one_out": Description(
            module="calibration",
            statistic="coverage of each negative control by the null of the others",
            citation="Schuemie et al. (2018), Proc Natl Acad Sci 115:2571-2577",
            assumptions=("controls are exchangeable",),
            smallest_count=4,
            characteristics="describes the controls; promises nothing",
            call=Call(function=calibration.leave_one_out, arguments=samples.controls),
        ),
        "lasso": Description(
            module="logistic",
            also=(logistic.design,),
            statistic=(
                "log odds ratio of every product with the co-reported adjusted, L1-penalised"
            ),
            citation="Caster, Noren, Madigan and Bate (2010), Stat Anal Data Min 3:197-208",
            assumptions=(
                "log odds are additive over products",
                "coefficients are shrunk and have no interval",
                "products that are always reported together cannot be told apart",
            ),
            smallest_count=3,
            characteristics="selection by BIC; few coefficients for rare events",
            call=Call(function=logistic.lasso, arguments=samples.reports),
        ),
        "adjusted": Description(
            module="logistic",
            statistic=("odds ratios of chosen products, adjusted for each other, with Wald limits"),
            citation="Geyer (2009), Electron J Stat 3:259-289, on separation",
            assumptions=_CHOSEN,
            smallest_count=3,
            characteristics=(
                "nominal coverage in large samples; undefined, with a state, where the data "
                "separate"
            ),
            call=Call(function=logistic.adjusted, arguments=samples.reports_and_products),
        ),
        "firth": Description(
            module="logistic",
            statistic="the same with Firth's penalty and profile limits",
            citation=(
                "Firth (1993), Biometrika 80:27-38; Heinze and Schemper (2002), Stat Med "
                "21:2409-2419"
            ),
            assumptions=_CHOSEN,
            smallest_count=1,
            characteristics=(
                "coverage within 6 points of 95 % for 15 against 60 reports (simulated)"
            ),
            call=Call(function=logistic.firth, arguments=samples.reports_and_products),
        ),
        "masking": Description(
            module="masking",
            also=(masking.margin_ratio,),
            statistic="IC and PRR of an event's products without the reports of a masker",
            citation="Juhlin et al. (2013), Pharmacoepidemiol Drug Saf 22:961-970",
            assumptions=(
                "what is removed is no cause: removal only shows what the background hides",
            ),
            smallest_count=3,
            characteristics="descriptive",
            call=Call(function=masking.masking, arguments=samples.reports),
        ),
        "strata": Description(
            module="subgroup",
            statistic="Mantel-Haenszel odds ratio over strata",
            citation="Robins, Breslow and Greenland (1986), Biometrics 42:311-323",
            assumptions=("the odds ratio is the same in every stratum",),
            smallest_count=3,
            characteristics="coverage within 1.6 points of 95 % (simulated)",
            call=Call(function=subgroup.strata, arguments=samples.strata),
        ),
        "heterogeneity": Description(
            module="subgroup",
            statistic="Breslow-Day test with Tarone's correction",
            citation="Tarone (1985), Biometrika 72:91-95",
            assumptions=("expected cells are at least about 5",),
            smallest_count=5,
            characteristics="size within 0.7 points of 5 % (simulated)",
            call=Call(function=subgroup.heterogeneity, arguments=samples.strata),
        ),
        "exact_heterogeneity": Description(
            module="subgroup",
            statistic="Zelen's exact test that the odds ratio is the same in all strata",
            citation="Zelen (1971), Biometrika 58:129-137",
            assumptions=("all margins are held fixed",),
            smallest_count=1,
            characteristics=(
                "size at most alpha, exactly; refused, with a state, beyond a million tables"
            ),
            call=Call(function=subgroup.exact_heterogeneity, arguments=samples.strata),
        ),
        "omega": Description(
            module="subgroup",
            also=(subgroup.omega_normal,),
            statistic=("reports of two products together against what each does alone, in bits"),
            citation="Noren, Sundberg, Bate and Edwards (2008), Stat Med 27:3057-3070",
            assumptions=(
                "without interaction risks add up",
                _KNOWN,
            ),
            smallest_count=3,
            characteristics="lower limit above 0 without an interaction in 1 to 3 % (simulated)",
            call=Call(function=subgroup.omega, arguments=samples.trio),
        ),
        "exact_interaction": Description(
            module="subgroup",
            also=(subgroup.interaction,),
            statistic="exact test of a three-way interaction of two products and an event",
            citation="Zelen (1971), Biometrika 58:129-137",
            assumptions=("without interaction odds ratios multiply",),
            smallest_count=1,
            characteristics="size at most alpha, exactly",
            call=Call(function=subgroup.exact_interaction, arguments=samples.trio),
        ),
        "onset_scan": Description(
            module="features.onset",
            statistic="fullest window of days to onset, with its exact chance",
            citation="Naus (1965), J Am Stat Assoc 60:532-538",
            assumptions=(
                "onsets fall on days independently",
                "the width was chosen before looking",
            ),
            smallest_count=2,
            characteristics=(
                "size at most alpha, exactly; beyond the exact bound an upper bound of p"
            ),
            call=Call(function=onset.scan, arguments=samples.by_day_and_width),
        ),
        "onset_compare": Description(
            module="features.onset",
            statistic="exact comparison of days to onset with those of other products",
            citation="Schroeer and Trenkler (1995), Comput Stat Data Anal 20:185-202",
            assumptions=("onsets are exchangeable under the null",),
            smallest_count=2,
            characteristics="size at most alpha, exactly, with ties",
            call=Call(function=onset.compare, arguments=samples.by_day_and_others),
        ),
        "onset_shape": Description(
            module="features.onset_shape",
            also=(onset_shape.hazard,),
            statistic=("Weibull shape of the hazard after the first dose, with profile limits"),
            citation="Cornelius, Sauzet and Evans (2012), Drug Saf 35:599-610",
            assumptions=("times to onset follow a Weibull distribution",),
            smallest_count=3,
            characteristics="coverage near nominal in simulation",
            call=Call(function=onset_shape.onset_shape, arguments=samples.by_day),
        ),
        "trend": Description(
            module="features.trend",
            statistic="exact test that a pair's share of the reports grows",
            citation="Armitage (1955), Biometrics 11:375-386",
            assumptions=("within a period every report is as likely to be of the pair",),
            smallest_count=3,
            characteristics="size at most alpha, exactly",
            call=Call(function=trend.trend, arguments=samples.by_period),
        ),
        "trend_latest": Description(
            module="features.trend",
            statistic="exact test that the last period has more than its share",
            citation="Fisher (1935), J R Stat Soc 98:39-82",
            assumptions=("within a period every report is as likely to be of the pair",),
            smallest_count=1,
            characteristics="size at most alpha, exactly",
            call=Call(function=trend.latest, arguments=samples.by_period),
        ),
        "trend_rate_ratio": Description(
            module="features.trend",
            statistic="each period's rate against all others, with exact limits",
            citation="Clopper and Pearson (1934), Biometrika 26:404-413",
            assumptions=("within a period every report is as likely to be of the pair",),
            smallest_count=1,
            characteristics="coverage at least nominal",
            call=Call(function=trend.rate_ratio, arguments=samples.by_period),
        ),
        "spread": Description(
            module="features.spread",
            statistic="effective number of sources",
            citation="Simpson (1949), Nature 163:688",
            assumptions=("sources are counted at one level",),
            smallest_count=2,
            characteristics="descriptive",
            call=Call(function=spread.spread, arguments=samples.by_source),
        ),
        "dominance": Description(
            module="features.spread",
            statistic="exact test that one source sent more than its share",
            citation="Levin (1981), Ann Stat 9:1123-1126",
            assumptions=("reports come from sources independently, by their share of all",),
            smallest_count=2,
            characteristics="size at most alpha, exactly",
            call=Call(function=spread.dominance, arguments=samples.by_source_and_all),
        ),
        "probability_of_finding": Description(
            module="operating",
            statistic="chance that a criterion is met, for given margins and a given effect",
            citation="Fisher (1935), J R Stat Soc 98:39-82",
            assumptions=("both margins are held fixed",),
            smallest_count=1,
            characteristics="exact to 1e-12",
            call=Call(function=operating.probability_of_finding, arguments=samples.margins),
        ),
    }
)
