import { Button } from "@/components/button";
import { Notice } from "@/components/states";

import { Copied } from "./copied";

/** A secret that no other answer shows. */
export function ShownOnce({ secret, onDone }: { secret: string; onDone: () => void }) {
  return (
    <div className="space-y-4">
      <Notice kind="warn">
        It is shown this once. Keep it where secrets are kept; a lost one is replaced by another.
      </Notice>
      <Copied text={secret} label="The key" />
      <div className="flex justify-end">
        <Button look="primary" onClick={onDone}>
          I have kept it
        </Button>
      </div>
    </div>
  );
}
