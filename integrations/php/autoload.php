<?php
/** For programs without Composer: `require 'op-ecom/autoload.php';` */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'OpEcom\\')) {
        $file = __DIR__ . '/src/' . substr($class, strlen('OpEcom\\')) . '.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
