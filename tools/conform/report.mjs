const count = (outcomes, verdict) => outcomes.filter((each) => each.verdict === verdict).length;

/** Prints what came of the scripts. @returns how many failed */
export function report(outcomes, { json, quiet, record }) {
  if (json) for (const each of outcomes) console.log(JSON.stringify(each));
  else if (record) for (const each of outcomes) console.log(`# ${each.file}: ${each.name}\n${recorded(each)}\n`);
  else if (!quiet) details(outcomes);
  const failed = count(outcomes, "failed");
  if (!json)
    console.log(`${count(outcomes, "passed")} passed, ${failed} failed, ${count(outcomes, "skipped")} skipped`);
  return failed;
}

const recorded = ({ verdict, message, recorded }) => (recorded === "" ? `# ${verdict}: ${message}` : recorded);

function details(outcomes) {
  for (const { file, name, message } of outcomes.filter(({ verdict }) => verdict === "failed"))
    console.log(`✗ ${file}\n  ${name}\n${message.replace(/^/gm, "    ")}\n`);
  const reasons = new Map();
  for (const { message } of outcomes.filter(({ verdict }) => verdict === "skipped"))
    reasons.set(message, (reasons.get(message) ?? 0) + 1);
  for (const [reason, times] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(`skipped ${times}: ${reason}`);
}
