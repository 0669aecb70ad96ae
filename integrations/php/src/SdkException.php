<?php

declare(strict_types=1);

namespace OpEcom;

/** Any failure of this package but a wrong argument (\InvalidArgumentException); each message is one line. */
class SdkException extends \RuntimeException
{
}
