"""The tree of errors: one root in each package.

What stands beneath SetupError a user can fix: one clear line that names the setting or the command for it.

    IngestError
        ClientGoneError
        LogUnavailableError
        RequestRefusedError
        TokenError
        UndecodableError
    StreamError
        ConditionError
        ErasureKeyError
        FoldError
        KafkaUnavailableError
        LogCutError
        RangeError
        SnapshotError
        SourceError
        TopicMissingError
        WorkerError
    ScoringError
        DataError
        EncodingError
        ExperimentError
        ExportError
        FieldError
        FormatError
        GraphError
        LearnerError
            StepDelayedError
            StepFailedError
        LearningError
        ModelError
            BrowserExportError
            ContractError
            RegistryError
            UnfitModelError
        ParameterError
        TableError
        TooFewSessionsError
        WireError
    StorageError
        ContinuityError
        DatabaseUnavailableError
        ForbiddenError
        LearnerBusyError
        LogAwayError
        PagesExportError
        PositionMovedError
        ReadError
            WorkersRefusedError
        ReplayError
            BusyError
            JournalAwayError
        RetentionBusyError
        RowsRefusedError
        SchemaError
        UnknownWebhookError
        VersionError
        WriterError
        WrongPlaceError
    DeployError
        RowRefusedError
        SetupError
            AwayError
                ApiGoneError
                StuckError
            BenchError
            ChaosError
            CopyError
            GateRefusedError
            HeldBySettingsError
            ImportFileError
            InputError
            InterruptedReplayError
            LogError
            LostLogError
            NameTakenError
            NotTakenError
            PortTakenError
            ReadOnlyFileError
            RefusedReadError
            SendError
            SimulationDataError
            UnknownNameError
        TryAgainError
"""


class DeployError(Exception):
    """Any failure of deploy."""


class SetupError(DeployError):
    """What this machine or its settings lack; the text is the line for the user, `exit_code` is the process's."""

    exit_code = 2


class AwayError(SetupError):
    """A service that does not answer now: the line is for the user, the exit code says that trying again may help."""

    exit_code = 70


class PortTakenError(SetupError):
    """`host:port` cannot be listened on; whoever knows which setting names the port catches this and says so."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot listen on {host}:{port}: {reason}")
        self.host = host
        self.port = port
        self.reason = reason


class NameTakenError(SetupError):
    """There is a site or a key of this name."""


class UnknownNameError(SetupError):
    """There is no site or key of this name."""


class HeldBySettingsError(SetupError):
    """The settings hold it, so the file of sites and keys cannot change it; the line names the setting."""


class ReadOnlyFileError(SetupError):
    """The file of sites and keys cannot be written by this process."""
