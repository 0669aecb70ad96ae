<?php

declare(strict_types=1);

namespace OpEcom;

/** What came of one request. `status` 0: no answer, and `problem` says why; `retryAfter` in seconds. */
final class Answer
{
    /** After these the same is sent again. */
    private const RETRIED = [0, 408, 429, 500, 502, 503, 504];

    /** @param array<string, mixed> $content */
    public function __construct(
        public readonly int $status,
        public readonly array $content = [],
        public readonly int $retryAfter = 0,
        private readonly string $problem = '',
    ) {
    }

    public function isAccepted(): bool
    {
        return $this->status >= 200 && $this->status < 300 && $this->content !== [];
    }

    public function isRetried(): bool
    {
        return in_array($this->status, self::RETRIED, true);
    }

    public function error(): RefusedException
    {
        $other = $this->problem !== '' ? $this->problem : "HTTP {$this->status}, not of OP-ECOM: is `url` right?";
        return new RefusedException(
            $this->status,
            (string) ($this->content['error'] ?? 'no_answer'),
            (string) ($this->content['reason'] ?? $other),
        );
    }
}
