<?php

declare(strict_types=1);

namespace OpEcom;

/** The server refused for good: the same again is refused again. `status` of HTTP, `errorCode` of the answer. */
final class RefusedException extends SdkException
{
    public function __construct(
        public readonly int $status,
        public readonly string $errorCode,
        public readonly string $reason,
    ) {
        parent::__construct("refused ($status $errorCode): $reason");
    }
}
