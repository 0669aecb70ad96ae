<?php

declare(strict_types=1);

namespace OpEcom;

/** One POST by PHP's own HTTP stream (allow_url_fopen), and how long to wait after it. Knows no queue. */
final class Transport
{
    /** No word in it is one by which OP-ECOM knows programs: their sessions are left out of statistics. */
    private const USER_AGENT = 'OP-ECOM-SDK/0.1 (php)';
    private const FIRST_WAIT = 0.5;
    private const LONGEST_WAIT = 60.0;

    /**
     * The answer, whatever it is; never throws for what the network or the server does. Redirects are answers: a
     * redirected POST would arrive as a GET without its events.
     *
     * @param array<string, string> $headers
     */
    public static function post(string $url, string $body, array $headers, float $timeoutSeconds): Answer
    {
        $headers += [
            'Content-Type' => 'application/json',
            'User-Agent' => self::USER_AGENT,
            'Connection' => 'close',
        ];
        $lines = array_map(
            static fn (string $name, string $value): string => "$name: $value",
            array_keys($headers),
            $headers,
        );
        $options = [
            'method' => 'POST',
            'header' => $lines,
            'content' => $body,
            'timeout' => $timeoutSeconds,
            'ignore_errors' => true,
            'follow_location' => 0,
        ];
        error_clear_last();
        $stream = @fopen($url, 'r', false, stream_context_create(['http' => $options]));
        $read = $stream === false ? false : @stream_get_contents($stream);
        $meta = $stream === false ? [] : stream_get_meta_data($stream);
        $lines = $meta['wrapper_data'] ?? [];
        $isWhole = $read !== false && !($meta['timed_out'] ?? false);
        if (!$isWhole || !preg_match('#^HTTP/\S+ (\d{3})#', $lines[0] ?? '', $found)) {
            $why = preg_replace('/^.*: /s', '', error_get_last()['message'] ?? 'no answer in time');
            return new Answer(0, problem: "$url cannot be reached: $why");
        }
        $content = json_decode($read, true);
        return new Answer((int) $found[1], is_array($content) ? $content : [], self::retryAfter($lines));
    }

    /**
     * Seconds to wait after attempt 0, 1, 2, ...: twice as long each time, up to half of it by chance, never shorter
     * than the server's Retry-After.
     */
    public static function waitSeconds(int $attempt, int $retryAfter): float
    {
        $backoff = min(self::LONGEST_WAIT, self::FIRST_WAIT * 2 ** min($attempt, 16));
        return max($retryAfter, $backoff * (0.5 + mt_rand() / mt_getrandmax() / 2));
    }

    /**
     * Retry-After as OP-ECOM sends it; a date, as a proxy may send, counts as none.
     *
     * @param list<string> $lines
     */
    private static function retryAfter(array $lines): int
    {
        foreach ($lines as $line) {
            if (preg_match('/^Retry-After:\s*(\d{1,6})\s*$/i', $line, $found)) {
                return (int) $found[1];
            }
        }
        return 0;
    }
}
