/* Buying, coming back, and changing: what a page does with billing.ts. */

import { Billing, BillingError } from "./billing.js";

const billing = new Billing("/api/billing/");

/** The button of a plan. */
export async function buy(price: string): Promise<void> {
  const { url } = await billing.checkout(price);
  window.location.assign(url);
}

/** The page that the visitor comes back to, with ?session_id=… in its address. */
export async function comeBack(): Promise<string> {
  const sessionId = new URLSearchParams(window.location.search).get("session_id") ?? "";
  const { active, features } = await billing.settled(sessionId);
  return active ? `You have ${features.join(", ")}.` : "We are waiting for your bank.";
}

/** First what it costs; then, for whoever agrees, exactly that. */
export async function change(quantity: number, agrees: (due: number) => boolean): Promise<string> {
  try {
    const preview = await billing.preview({ quantity });
    if (!agrees(preview.amount_due)) return "Nothing was changed.";
    const changed = await billing.accept(preview);
    return `You have ${changed.items[0]?.quantity} now.`;
  } catch (error) {
    if (!(error instanceof BillingError)) throw error;
    switch (error.code) {
      case "payment_action_required":
        window.location.assign(error.url ?? "/billing/");
        return "Your bank asks you to confirm.";
      case "preview_expired":
        return change(quantity, agrees);
      default:
        return error.message;
    }
  }
}
