import Link from "next/link";

import { Page } from "@/components/page";

export default function NotFound() {
  return (
    <Page title="There is no such page">
      <p>
        Go to{" "}
        <Link href="/live/" className="text-lapis underline">
          live sessions
        </Link>
        , or choose a page from the menu.
      </p>
    </Page>
  );
}
