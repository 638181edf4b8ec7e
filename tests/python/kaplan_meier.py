"""How many have bought again by which day, estimated with lifelines from the raw files, for comparison with the marts:
`kaplan_meier.py cdnow_master.csv.gz|online_retail.csv.gz > recorded.csv`. With `--medians` behind the file, by which day a
quarter and one half have bought again, and how many customers are at risk on these days.

Needs lifelines and pandas. Knows nothing of kiln; the rules are those of docs/definitions.md: days count once, the
watch ends with the last full day, a customer belongs to the month of the first purchase.
"""

import sys

import pandas
from lifelines import KaplanMeierFitter

# Days between two points of a cohort's curve; that of all customers is told day by day.
STEP = 21


def quantile(fitter, share):
    """The first day by which so many have bought again, with those at risk on it; empty if that never happens."""
    day = fitter.percentile(1 - share)
    return f"{day:.0f},{fitter.event_table['at_risk'].loc[day]}" if day < float("inf") else ","


def cdnow(path):
    """Every record is a purchase, and the record ends with its last day."""
    records = pandas.read_csv(path)
    days = pandas.to_datetime(records["date"].astype(str))
    return records["customer_id"], days, days.max()


def online_retail(path):
    """Lines bought by known customers; the last day is not over."""
    lines = pandas.read_csv(path, dtype={"InvoiceNo": str})
    lines = lines[lines["CustomerID"].notna() & ~lines["InvoiceNo"].str.startswith("C")]
    lines = lines[(lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    moments = pandas.to_datetime(lines["InvoiceDate"])
    # An invoice has the moment of its earliest line.
    invoices = moments.groupby([lines["CustomerID"], lines["InvoiceNo"]]).min().reset_index()
    days = invoices["InvoiceDate"].dt.normalize()
    return invoices["CustomerID"], days, days.max() - pandas.Timedelta(days=1)


def main(path, medians):
    read = cdnow if "cdnow" in path else online_retail
    customers, days, last_full_day = read(path)
    visits = pandas.DataFrame({"customer": customers, "day": days}).drop_duplicates().sort_values(["customer", "day"])
    visits["place"] = visits.groupby("customer").cumcount()
    first = visits[visits["place"] == 0].set_index("customer")["day"]
    second = visits[visits["place"] == 1].set_index("customer")["day"].reindex(first.index)
    # Who came after the last full day has been watched for no day.
    observed = (last_full_day - first).dt.days.clip(lower=0)
    wait = (second - first).dt.days
    came_back = wait <= observed
    duration = wait.where(came_back, observed)
    cohort = first.dt.strftime("%Y-%m")

    print("segment,customers,quarter,at_risk,half,at_risk" if medians else "segment,customers,day,share,share_lower,share_upper")
    for segment in ["all customers", *sorted(cohort.unique())]:
        chosen = (cohort == segment) | (segment == "all customers")
        fitter = KaplanMeierFitter().fit(duration[chosen], came_back[chosen])
        if medians:
            print(f"{segment},{chosen.sum()},{quantile(fitter, 0.25)},{quantile(fitter, 0.5)}")
            continue
        for day in range(0, int(duration[chosen].max()) + 1, 1 if segment == "all customers" else STEP):
            not_yet = fitter.survival_function_at_times(day).iloc[0]
            # The band of the last day at or before this one.
            band = fitter.confidence_interval_.loc[:day].iloc[-1]
            print(f"{segment},{chosen.sum()},{day},{1 - not_yet:.12f},{1 - band.iloc[1]:.12f},{1 - band.iloc[0]:.12f}")


if __name__ == "__main__":
    main(sys.argv[1], "--medians" in sys.argv[2:])
