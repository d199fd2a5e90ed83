/* What docs/examples/billing.ts is good for, against the example project: prints what it saw. */

import { Billing, BillingError } from "./billing.js";

declare const process: { argv: string[] };
const [site = "", token = ""] = process.argv.slice(2);
const billing = new Billing(`${site}/api/billing/`, token);

async function codeOf(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof BillingError) return `${error.status} ${error.code}`;
    throw error;
  }
  return "";
}

const plan = (await billing.plans()).find((found) => found.lookup_key === "team_monthly");
if (!plan) throw new Error("The plan is not on sale.");
const before = await billing.status();
const { url } = await billing.checkout(plan.lookup_key, 2);
const sessionId = url.slice(url.lastIndexOf("/") + 1);
const unpaid = await billing.settled(sessionId, { tries: 2, pause: 10 });
await fetch(url, {
  method: "POST",
  redirect: "manual",
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams({ card_number: "4242 4242 4242 4242" }).toString(),
});
const after = await billing.settled(sessionId, { tries: 100, pause: 100 });
const preview = await billing.preview({ quantity: 3 });
const changed = await billing.accept(preview);
const refused = [
  await codeOf(billing.checkout("none")),
  await codeOf(billing.checkout(plan.lookup_key)),
  await codeOf(billing.checkout("")),
  await codeOf(new Billing(`${site}/api/billing/`, "wrong").status()),
  await codeOf(new Billing(`${site}/nowhere/`, token).status()),
];
const cancelled = await billing.cancel();
console.log(
  JSON.stringify({
    amount: plan.amount,
    before: before.active,
    unpaid: unpaid.active,
    after,
    due: preview.amount_due,
    quantity: changed.items[0]?.quantity,
    refused,
    isEnding: cancelled.is_ending,
    payments: (await billing.payments()).count,
  }),
);
