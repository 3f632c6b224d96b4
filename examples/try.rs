use scaf::orchestrate::load::{installed::*, interpreter};
use scaf::spec::env_vars::Environment;
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    let env = Environment::new(std::env::vars_os());
    let t = Instant::now();
    let i = interpreter::choose(
        Some(std::path::Path::new(&a[0])).filter(|p| p.as_os_str() != "-"),
        &std::env::current_dir().unwrap(),
        &env,
    )
    .map_err(|e| e.to_string())
    .unwrap();
    let t1 = t.elapsed();
    let inst = Installed::read(&i).unwrap();
    let t2 = t.elapsed();
    let quiet = a.iter().any(|x| x == "-q");
    if !quiet {
        println!("{i:#?}\n{} dists", inst.distributions().len());
        for p in inst.problems() {
            println!("! {p}");
        }
    }
    for d in a[1..].iter().filter(|x| !x.starts_with('-')) {
        let (d, names) = d.split_once(':').unwrap_or((d, ""));
        let names: Vec<String> = names.split(',').filter(|x| !x.is_empty()).map(str::to_owned).collect();
        for (n, f) in inst.find_each(d, &names) {
            let s = match &f {
                Found::Distributions(v) => v
                    .iter()
                    .map(|x| {
                        format!(
                            "{} {} {:?}",
                            inst[*x].name(),
                            inst[*x].version(),
                            inst[*x].provenance().origin
                        )
                    })
                    .collect::<Vec<_>>()
                    .join(" | "),
                Found::Editable { distribution, file } => {
                    format!("{} editable {:?}", inst[*distribution].name(), file)
                }
                o => format!("{o:?}"),
            };
            if !quiet {
                println!("{n}: {s}");
            }
        }
    }
    let t3 = t.elapsed();
    if a.iter().any(|x| x == "-p") {
        for d in inst.distributions() {
            println!(
                "{} {} {:?} native={} outside={} missing={} tags={:?} {:?}",
                d.name(),
                d.version(),
                d.provenance(),
                d.is_native(),
                d.outside().len(),
                d.missing().len(),
                d.wheel_tags(),
                d.problems()
            );
        }
    }
    println!("choose {t1:?} read {t2:?} find {t3:?}");
}
