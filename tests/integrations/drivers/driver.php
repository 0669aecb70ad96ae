<?php
// Does the steps that a test gives with the SDK for PHP; `drive` in tests/support/sdks.py has the form.

declare(strict_types=1);

require $argv[1];

$given = json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR);
$problems = [];
$client = new OpEcom\Client(
    $given['url'],
    $given['key'],
    purchaseSecret: $given['secret'],
    maxQueue: $given['options']['max_queue'] ?? 10_000,
    onProblem: function (string $problem, ?string $id) use (&$problems): void {
        $problems[] = [$problem, $id];
    },
);
$do = fn (string $name, mixed $value): mixed => match ($name) {
    'send' => $client->send($value),
    'flush' => $client->flush($value / 1000),
    'close' => $client->close($value / 1000),
    'purchase' => $client->purchase($value),
    'refund' => $client->refund($value),
    'verify' => OpEcom\Signature::verify(
        $value['secret'],
        $value['headers'],
        $value['body'],
        now: $value['now'] ?? null,
    )['id'],
};
$results = [];
foreach ($given['steps'] as [$name, $value]) {
    try {
        $results[] = $do($name, $value);
    } catch (Exception $error) {
        $class = (new ReflectionClass($error))->getShortName();
        $results[] = ['error' => $class, 'reason' => $error->getMessage()];
    }
}
echo json_encode(['results' => $results, 'problems' => $problems]), "\n";
