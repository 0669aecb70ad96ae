<?php

declare(strict_types=1);

namespace OpEcom;

/** A webhook that was not signed with this secret, was changed on its way, or is too old. */
final class SignatureException extends SdkException
{
}
