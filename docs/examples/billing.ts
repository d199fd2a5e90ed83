/* The billing API from a browser, or from Node. docs/api.md explains it. */

export type Plan = {
  price: string;
  lookup_key: string;
  product: string;
  description: string;
  /** In the currency's minor unit; null for a price in tiers. */
  amount: number | null;
  currency: string;
  /** "" for a price that is paid once. */
  interval: "" | "day" | "week" | "month" | "year";
  interval_count: number;
  quantity_min: number;
  quantity_max: number;
  trial_days: number;
  access_days: number | null;
  features: { key: string; name: string; limit: number | null; is_limit_per_unit: boolean }[];
};

export type Status = { active: boolean; features: string[] };

export type Subscription = {
  id: string;
  status: string;
  currency: string;
  is_ending: boolean;
  cancel_at: string | null;
  cancel_at_period_end: boolean;
  trial_end: string | null;
  items: { price: string; product: string; quantity: number | null }[];
};

export type Preview = {
  lines: { description: string; amount: number; is_proration: boolean }[];
  total: number;
  amount_due: number;
  currency: string;
  price: string;
  quantity: number;
  /** Makes the change for exactly this sum. */
  token: string;
};

export type Payment = {
  id: string;
  status: string;
  amount: number;
  amount_refunded: number;
  amount_text: string;
  currency: string;
  has_access: boolean;
  access_ends_at: string | null;
};

export type Page<Row> = { count: number; next: string | null; previous: string | null; results: Row[] };

/** A price, a quantity, or both. */
export type Wish = { price?: string; quantity?: number };

type ErrorBody = { detail: string; code: string; fields?: Record<string, string[]>; url?: string };

/** An answer of 4xx or 5xx: decide by `code`, show `message`. */
export class BillingError extends Error {
  readonly code: string;
  /** By field, what is wrong with it. */
  readonly fields: Record<string, string[]>;
  /** Where the payer confirms with their bank, where the bank asks for it. */
  readonly url: string | undefined;

  constructor(readonly status: number, body: ErrorBody, readonly retryAfter: number) {
    super(body.detail);
    this.code = body.code;
    this.fields = body.fields ?? {};
    this.url = body.url;
  }
}

export class Billing {
  /** `token` is for programs; a browser has its session. */
  constructor(private readonly base: string, private readonly token?: string) {}

  plans = () => this.ask<Plan[]>("GET", "plans/");
  payments = (page = 1) => this.ask<Page<Payment>>("GET", `payments/?page=${page}`);
  subscription = () => this.ask<Subscription>("GET", "subscription/");
  checkout = (price: string, quantity = 1) => this.ask<{ url: string }>("POST", "checkout/", { price, quantity });
  preview = (wish: Wish) => this.ask<Preview>("POST", "subscription/preview/", wish);
  accept = (preview: Preview) => this.ask<Subscription>("POST", "subscription/", { token: preview.token });
  cancel = () => this.ask<Subscription>("POST", "subscription/cancel/", {});
  status = (sessionId = "") =>
    this.ask<Status>("GET", `status/?session_id=${encodeURIComponent(sessionId)}`);

  /** Wait for what was bought, after Stripe has sent the visitor back. */
  async settled(sessionId: string, { tries = 20, pause = 1500 } = {}): Promise<Status> {
    let found = await this.status(sessionId);
    for (let tried = 1; tried < tries && !found.active; tried++) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      found = await this.status(sessionId);
    }
    return found;
  }

  private async ask<Answer>(method: "GET" | "POST", path: string, body?: object): Promise<Answer> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (this.token) headers["Authorization"] = `Token ${this.token}`;
    else if (method === "POST") headers["X-CSRFToken"] = csrfToken();
    const answer = await fetch(this.base + path, {
      method,
      headers,
      credentials: "same-origin",
      body: body ? JSON.stringify(body) : undefined,
    });
    if (answer.ok) return (await answer.json()) as Answer;
    const error = (await answer.json().catch(() => null)) as ErrorBody | null;
    const known = error ?? { detail: answer.statusText, code: "unknown" };
    throw new BillingError(answer.status, known, Number(answer.headers.get("Retry-After") ?? 0));
  }
}

/** Django's cookie; the page that loads this must have set it (`ensure_csrf_cookie`). */
function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}
