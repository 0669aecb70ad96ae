<?php

declare(strict_types=1);

namespace OpEcom;

/** No answer that holds came within the time given: send the same again later, it counts once. */
final class UnavailableException extends SdkException
{
}
