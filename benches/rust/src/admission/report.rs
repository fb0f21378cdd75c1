//! What is printed: a table, or a JSON document of schema 1.

use super::measure::{Effort, Row};

/// The rows as a table of at most 100 columns.
pub fn table(rows: &[Row]) -> String {
    let titles = ["thr", "keys", "cores", "admit", "ns/op", "Mop/s", "p50", "p99", "p99.9"];
    let mut lines = vec![line("algorithm", titles.map(String::from), ["over", "spurious", "fair"])];
    for row in rows {
        let name =
            format!("{}{}", row.algorithm.name, if row.algorithm.linearizable { "" } else { "*" });
        let [p50, p99, p999] = row.latency.map(|ns| ns / 1e3);
        let figures = [
            row.cell.threads.to_string(),
            row.cell.keys.to_string(),
            format!("{:.2}", row.cores),
            format!("{:.0}%", row.admitted * 100.0),
            format!("{:.1}", row.ns),
            format!("{:.2}", row.throughput / 1e6),
            format!("{p50:.2}"),
            format!("{p99:.1}"),
            format!("{p999:.1}"),
        ];
        let (over, spurious) = (row.findings.over_admissions, row.findings.spurious);
        let fair = format!("{:.2}", row.fairness);
        lines.push(line(&name, figures, [&over.to_string(), &spurious.to_string(), &fair]));
    }
    lines.push(
        "* not linearizable. cores: that the threads really had. ns/op: a core's time for a try,\n\
         with its release if it was admitted. p50 to p99.9: us from when the call was due, at half\n\
         of the throughput. over, spurious: certain faults in stamped histories. fair: Jain's index."
            .into(),
    );
    lines.join("\n")
}

fn line(name: &str, figures: [String; 9], verdict: [&str; 3]) -> String {
    let [threads, keys, cores, admit, ns, mops, p50, p99, p999] = figures;
    let [over, spurious, fair] = verdict;
    format!(
        "{name:<15} {threads:>3} {keys:>4} {cores:>5} {admit:>5} {ns:>6} {mops:>7} {p50:>8} \
         {p99:>8} {p999:>8} {over:>6} {spurious:>8} {fair:>4}"
    )
}

/// The rows as JSON.
pub fn json(rows: &[Row], effort: Effort, clock: f64) -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let cells: Vec<String> = rows.iter().map(cell).collect();
    format!(
        "{{\n  \"schema\": 1,\n  \"benchmark\": \"admission\",\n  \"version\": \"{}\",\n  \
         \"hardware_threads\": {threads},\n  \"clock_ns\": {clock:.1},\n  \
         \"seconds\": {},\n  \"rounds\": {},\n  \"cells\": [\n{}\n  ]\n}}",
        env!("CARGO_PKG_VERSION"),
        effort.seconds,
        effort.rounds,
        cells.join(",\n")
    )
}

fn cell(row: &Row) -> String {
    let [p50, p99, p999] = row.latency;
    format!(
        "    {{\"algorithm\": \"{}\", \"linearizable\": {}, \"threads\": {}, \"keys\": {}, \
         \"admit\": {}, \"limit\": {}, \"admitted_ratio\": {:.4}, \"cores\": {:.2}, \
         \"ns_per_operation\": {:.2}, \
         \"operations_per_second\": {:.0}, \"interval_ns\": {:.1}, \"p50_ns\": {p50}, \
         \"p99_ns\": {p99}, \"p999_ns\": {p999}, \"checked_calls\": {}, \
         \"over_admissions\": {}, \"spurious_refusals\": {}, \"most_held\": {}, \
         \"fairness\": {:.4}}}",
        row.algorithm.name,
        row.algorithm.linearizable,
        row.cell.threads,
        row.cell.keys,
        row.cell.admit,
        row.cell.limit(),
        row.admitted,
        row.cores,
        row.ns,
        row.throughput,
        row.interval,
        row.checked,
        row.findings.over_admissions,
        row.findings.spurious,
        row.findings.most_held,
        row.fairness,
    )
}
