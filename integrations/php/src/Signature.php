<?php

declare(strict_types=1);

namespace OpEcom;

/**
 * Standard Webhooks (https://www.standardwebhooks.com): signs purchases, verifies webhooks.
 *
 * A signature is "v1," and base64 of HMAC-SHA-256 over `id.timestamp.body`, by the bytes in base64 behind `whsec_`.
 */
final class Signature
{
    /** Seconds by which a timestamp may be off, as Standard Webhooks recommend. */
    public const TOLERANCE_SECONDS = 300;

    /** The value of `webhook-signature`; `$timestamp` in s. Throws \InvalidArgumentException for a wrong secret. */
    public static function sign(string $secret, string $messageId, int $timestamp, string $body): string
    {
        $signed = "$messageId.$timestamp.$body";
        return 'v1,' . base64_encode(hash_hmac('sha256', $signed, self::secretBytes($secret), true));
    }

    /**
     * The message of a webhook, if it is signed by `$secret` and fresh.
     *
     * `$body` as it came (`file_get_contents('php://input')`); names of headers in any case (`getallheaders()`).
     * While a secret is rotated the header has several signatures, of which one has to be ours. `$now` in seconds.
     * The same message can come twice: know it by its `id`.
     *
     * @param array<string, string> $headers
     * @return array<string, mixed>
     * @throws SignatureException, and \InvalidArgumentException for a wrong secret
     */
    public static function verify(
        string $secret,
        array $headers,
        string $body,
        int $toleranceSeconds = self::TOLERANCE_SECONDS,
        ?int $now = null,
    ): array {
        $given = array_change_key_case($headers);
        $id = $given['webhook-id'] ?? '';
        $stamp = $given['webhook-timestamp'] ?? '';
        $signatures = preg_split('/ +/', $given['webhook-signature'] ?? '', -1, PREG_SPLIT_NO_EMPTY);
        if ($id === '' || $signatures === [] || !preg_match('/^[0-9]{1,15}$/D', $stamp)) {
            throw new SignatureException(
                'the request needs the headers webhook-id, webhook-timestamp and webhook-signature'
            );
        }
        if (abs(($now ?? time()) - (int) $stamp) > $toleranceSeconds) {
            throw new SignatureException(
                "webhook-timestamp is more than $toleranceSeconds s off: is this machine's clock set?"
            );
        }
        $ours = self::sign($secret, $id, (int) $stamp, $body);
        $holds = array_filter($signatures, static fn (string $each): bool => hash_equals($ours, $each));
        if ($holds === []) {
            throw new SignatureException('no signature holds: wrong secret, or the body is not as it was sent');
        }
        return json_decode($body, true, flags: JSON_THROW_ON_ERROR);
    }

    /** The bytes of a secret; throws \InvalidArgumentException unless it is whsec_ and base64. */
    public static function secretBytes(string $secret): string
    {
        $encoded = str_starts_with($secret, 'whsec_') ? substr($secret, 6) : '';
        $bytes = strlen($encoded) % 4 === 0 ? base64_decode($encoded, true) : false;
        if ($bytes === false || $bytes === '') {
            throw new \InvalidArgumentException('a secret is whsec_ and base64: copy what `opecom` printed, whole');
        }
        return $bytes;
    }
}
