import Link from "next/link";

/** Where webhooks are made. */
export function WebhooksStep({ site }: { site: string }) {
  return (
    <p className="text-sm">
      <Link href={`/operations/?tab=webhooks&site=${encodeURIComponent(site)}`} className="text-lapis underline">
        Add a webhook in Operations
      </Link>
      , send it a test, and see what was delivered.
    </p>
  );
}
