<?php

declare(strict_types=1);

namespace OpEcom;

/**
 * A bounded queue of events, sent at the request's end, and purchases that the caller waits for.
 *
 * PHP has no thread to send in: `send` keeps events in memory, and sends a whole batch once there is one; the rest goes
 * by `flush`, or at the end of the script. Under PHP-FPM call `fastcgi_finish_request()` before, so that no visitor
 * waits for it.
 */
final class Client
{
    /** Of one request: ingest.max_batch_events, and less than ingest.max_body_bytes. */
    private const MAX_EVENTS = 500;
    private const MAX_BYTES = 200_000;

    /** @var list<array{id: string, encoded: string}> */
    private array $queue = [];
    private int $lost = 0;
    private bool $closed = false;
    /** @var callable(string, ?string): void */
    private $onProblem;

    /**
     * Sends to the ingest API at `$url` with a site's write key.
     *
     * @param string|null $purchaseSecret whsec_..., to sign purchases and refunds
     * @param int $maxQueue events that wait at most; more are dropped
     * @param float $timeoutSeconds of one request
     * @param float $exitSeconds what is left at the script's end is sent within that time
     * @param (callable(string, ?string): void)|null $onProblem hears of every event that will not count, and its id;
     *     without it, error_log does
     * @throws \InvalidArgumentException for an argument that cannot be right
     */
    public function __construct(
        private string $url,
        private readonly string $key,
        private readonly ?string $purchaseSecret = null,
        private readonly int $maxQueue = 10_000,
        private readonly float $timeoutSeconds = 5.0,
        float $exitSeconds = 5.0,
        ?callable $onProblem = null,
    ) {
        if (!preg_match('#^https?://#', $url)) {
            throw new \InvalidArgumentException(
                'url is where the ingest API is, such as https://events.shop.example'
            );
        }
        if ($key === '') {
            throw new \InvalidArgumentException('key is a write key of the site: `opecom sites add NAME` prints it');
        }
        if ($purchaseSecret !== null) {
            Signature::secretBytes($purchaseSecret);
        }
        $this->url = rtrim($url, '/');
        $this->onProblem = $onProblem ?? static function (string $problem, ?string $id): void {
            error_log("op-ecom-sdk: $problem (event $id)");
        };
        register_shutdown_function(function () use ($exitSeconds): void {
            $this->close($exitSeconds);
        });
    }

    /**
     * Queues one event as `POST /v1/batch` takes it: its event_id, by which it counts once, made here where it has
     * none. Null: the queue is full, or closed.
     *
     * @param array<string, mixed> $event
     * @throws \JsonException for what JSON cannot hold
     */
    public function send(array $event): ?string
    {
        $event += ['event_id' => self::uuid(), 'occurred_at' => self::nowMs()];
        $id = (string) $event['event_id'];
        if ($this->closed || count($this->queue) >= $this->maxQueue) {
            $why = $this->closed ? 'the client is closed' : "{$this->maxQueue} events wait (maxQueue)";
            ($this->onProblem)("an event is dropped: $why", $id);
            return null;
        }
        $this->queue[] = ['id' => $id, 'encoded' => self::encoded($event)];
        if (count($this->queue) % self::MAX_EVENTS === 0) {
            // One attempt, without a wait: what it does not send stays in the queue.
            $this->sendUntil(0.0);
        }
        return $id;
    }

    /** Sends all that is queued; false where some of it has no answer in time, and stays in the queue. */
    public function flush(float $timeoutSeconds = 60.0): bool
    {
        $this->sendUntil(microtime(true) + $timeoutSeconds);
        return $this->queue === [];
    }

    /** Sends what is left, within this time, and takes no more; false where events were dropped. */
    public function close(float $timeoutSeconds = 5.0): bool
    {
        $this->closed = true;
        if ($this->queue !== [] && ($failed = $this->sendUntil(microtime(true) + $timeoutSeconds)) !== null) {
            $this->lose($this->queue, $failed->error()->getMessage());
            $this->queue = [];
        }
        return $this->lost === 0;
    }

    /**
     * Reports an order that was paid, signed, and waits until it is in the log: its event_id.
     *
     * @param array<string, mixed> $order session_id, order_id, amount, currency, and occurred_at, when it was placed
     *     (ms since 1970 or ISO 8601 with a zone), the same each time: the order counts once however often it is sent
     * @throws RefusedException|UnavailableException, and \InvalidArgumentException without a purchaseSecret
     */
    public function purchase(array $order, float $waitAtMost = 10.0): string
    {
        return $this->signed('/tracker/purchase', "order-{$order['order_id']}", $order, $waitAtMost);
    }

    /**
     * Reports what was paid back of an order; else as `purchase`.
     *
     * @param array<string, mixed> $refund session_id, order_id, occurred_at, and value and currency, or the whole order
     * @throws RefusedException|UnavailableException, and \InvalidArgumentException without a purchaseSecret
     */
    public function refund(array $refund, float $waitAtMost = 10.0): string
    {
        $body = ['action' => 'refund'] + $refund;
        return $this->signed('/tracker/commerce', "refund-{$refund['order_id']}", $body, $waitAtMost);
    }

    /** @param array<string, mixed> $fields */
    private function signed(string $path, string $id, array $fields, float $waitAtMost): string
    {
        if ($this->purchaseSecret === null) {
            throw new \InvalidArgumentException(
                'purchaseSecret is missing: `opecom sites rotate NAME --purchase` makes one'
            );
        }
        $body = self::encoded($fields);
        $endsAt = microtime(true) + $waitAtMost;
        for ($attempt = 0; ; $attempt++) {
            // A signature holds five minutes: each attempt has its own.
            $at = time();
            $answer = $this->post($path, $body, [
                'webhook-id' => $id,
                'webhook-timestamp' => (string) $at,
                'webhook-signature' => Signature::sign($this->purchaseSecret, $id, $at, $body),
            ]);
            if ($answer->isAccepted()) {
                return (string) $answer->content['event_id'];
            }
            if (!$answer->isRetried()) {
                throw $answer->error();
            }
            $wait = Transport::waitSeconds($attempt, $answer->retryAfter);
            if (microtime(true) + $wait > $endsAt) {
                throw new UnavailableException("not sent within $waitAtMost s: {$answer->error()->reason}");
            }
            usleep((int) ($wait * 1_000_000));
        }
    }

    /** Sends from the queue until it is empty or the time is over; the answer that was left then, or null. */
    private function sendUntil(float $endsAt): ?Answer
    {
        $attempt = 0;
        $most = self::MAX_EVENTS;
        while (($batch = $this->nextBatch($most)) !== []) {
            // `sent_at` is of this attempt: the server takes the difference for a wrong clock.
            $events = implode(',', array_column($batch, 'encoded'));
            $answer = $this->post('/v1/batch', '{"sent_at":' . self::nowMs() . ',"events":[' . $events . ']}');
            if ($answer->status === 413 && count($batch) > 1) {
                $most = intdiv(count($batch), 2);
            } elseif ($answer->isRetried()) {
                if (microtime(true) >= $endsAt) {
                    return $answer;
                }
                // As the time ends, a last attempt is made.
                $wait = min(Transport::waitSeconds($attempt++, $answer->retryAfter), $endsAt - microtime(true));
                usleep((int) max($wait * 1_000_000, 0));
            } else {
                array_splice($this->queue, 0, count($batch));
                $attempt = 0;
                $this->settle($batch, $answer);
            }
        }
        return null;
    }

    /** @param list<array{id: string, encoded: string}> $batch */
    private function settle(array $batch, Answer $answer): void
    {
        if (!$answer->isAccepted()) {
            $this->lose($batch, $answer->error()->getMessage());
            return;
        }
        foreach ($answer->content['refused'] ?? [] as $each) {
            $this->lose([$batch[$each['index']]], "an event is refused ({$each['code']}): {$each['reason']}");
        }
    }

    /** @return list<array{id: string, encoded: string}> */
    private function nextBatch(int $most): array
    {
        $batch = [];
        $size = 0;
        foreach ($this->queue as $each) {
            $size += strlen($each['encoded']) + 1;
            if ($batch !== [] && (count($batch) >= $most || $size > self::MAX_BYTES)) {
                break;
            }
            $batch[] = $each;
        }
        return $batch;
    }

    /** @param array<string, string> $headers */
    private function post(string $path, string $body, array $headers = []): Answer
    {
        $headers['X-OPECOM-Key'] = $this->key;
        return Transport::post($this->url . $path, $body, $headers, $this->timeoutSeconds);
    }

    /** @param list<array{id: string, encoded: string}> $events */
    private function lose(array $events, string $why): void
    {
        $this->lost += count($events);
        foreach ($events as $each) {
            ($this->onProblem)($why, $each['id']);
        }
    }

    /** @param array<string, mixed> $value */
    private static function encoded(array $value): string
    {
        return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION);
    }

    private static function nowMs(): int
    {
        return (int) (microtime(true) * 1000);
    }

    /** A random UUID (RFC 9562, version 4). */
    private static function uuid(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x40);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }
}
