//! What is known of programs that run code or other programs: how their arguments are read.
//!
//! Only as much as it takes to find their code and their program, as of Debian 12. An option that is
//! not here makes the reader of a command line careful, never careless.

/// A program that runs code, or another program.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    /// Runs code.
    Interpreter(&'static Interpreter),
    /// Runs a program.
    Launcher(&'static Launcher),
}

/// A program that runs code: of an argument, of a script, or of its standard input.
#[derive(Debug)]
pub(super) struct Interpreter {
    names: &'static [&'static str],
    /// Short options alone.
    pub(super) flags: &'static str,
    /// Short options with a value.
    pub(super) valued: &'static str,
    /// Short options whose value, if they have one, is attached.
    pub(super) attached: &'static str,
    /// Short options with code, a module or a script.
    pub(super) code: &'static str,
    /// The same as long options.
    pub(super) long_code: &'static [&'static str],
    pub(super) habit: Habit,
}

/// How an interpreter reads what stands behind its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// `-c` is a flag, the first operand is the code; it ends the options.
    Shell,
    /// The code ends the options.
    Ends,
    /// More options may follow the code, up to the first operand.
    GoesOn,
    /// The same, and the first operand is a script even so.
    GoesOnToScript,
    /// Options may follow anywhere.
    Mixes,
}

/// A program whose arguments name another program.
#[derive(Debug)]
pub(super) struct Launcher {
    names: &'static [&'static str],
    /// Operands before the program.
    pub(super) operands: usize,
    /// Short options alone.
    pub(super) flags: &'static str,
    /// Short options with a value.
    pub(super) valued: &'static str,
    /// Options, short and long, that make code of what follows.
    pub(super) refused: &'static [&'static str],
    pub(super) traits: Traits,
}

/// What some launchers do beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traits {
    /// Nothing.
    Plain,
    /// `NAME=value` before the program is a variable.
    Assigns,
    /// Words of the standard input become arguments of the program.
    AppendsInput,
    /// Without a program it runs a shell.
    DefaultsToShell,
    /// All arguments together are code of a shell, which also runs without any.
    JoinsToCode,
}

/// What is known of the program of this name, with or without its directory and its version.
pub(super) fn known(program: &str) -> Option<Known> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let bare = name.trim_end_matches(|one: char| one.is_ascii_digit() || one == '.');
    let is_named = |names: &[&str]| names.contains(&name) || names.contains(&bare);
    let interpreter = INTERPRETERS.iter().find(|known| is_named(known.names));
    let launcher = || LAUNCHERS.iter().find(|known| is_named(known.names));
    match interpreter {
        Some(interpreter) => Some(Known::Interpreter(interpreter)),
        None => launcher().map(Known::Launcher),
    }
}

const PLAIN: Interpreter = Interpreter {
    names: &[],
    flags: "",
    valued: "",
    attached: "",
    code: "",
    long_code: &[],
    habit: Habit::GoesOn,
};

static INTERPRETERS: [Interpreter; 11] = [
    Interpreter {
        names: &[
            "sh", "ash", "bash", "dash", "ksh", "ksh93", "mksh", "rbash", "yash", "zsh",
        ],
        flags: "abefhiklmnptuvxBCEHPT",
        valued: "oO",
        code: "c",
        habit: Habit::Shell,
        ..PLAIN
    },
    Interpreter {
        names: &["fish"],
        flags: "ilnPv",
        valued: "CdDf",
        code: "c",
        long_code: &["command"],
        ..PLAIN
    },
    Interpreter {
        names: &["python", "pypy"],
        flags: "bBdEhiIOPqRsSuvVx",
        valued: "WX",
        code: "cm",
        habit: Habit::Ends,
        ..PLAIN
    },
    Interpreter {
        names: &["perl"],
        flags: "acfnpsStTuUvwWX",
        valued: "I",
        attached: "0CdDFilmMVx",
        code: "eE",
        ..PLAIN
    },
    Interpreter {
        names: &["ruby"],
        flags: "aclnpsSvw",
        valued: "CEIr",
        attached: "0FiKTWx",
        code: "e",
        ..PLAIN
    },
    Interpreter {
        names: &["node", "nodejs"],
        flags: "chiv",
        valued: "Cr",
        code: "ep",
        long_code: &["eval", "print", "run"],
        ..PLAIN
    },
    Interpreter {
        names: &["php"],
        flags: "aCehHilmnqsvw",
        valued: "cdtSz",
        code: "rfFRBE",
        long_code: &[
            "run",
            "file",
            "process-code",
            "process-file",
            "process-begin",
            "process-end",
        ],
        ..PLAIN
    },
    Interpreter {
        names: &["lua", "luajit"],
        flags: "EivW",
        valued: "l",
        code: "e",
        habit: Habit::GoesOnToScript,
        ..PLAIN
    },
    Interpreter {
        names: &["awk", "gawk", "mawk", "nawk", "original-awk"],
        valued: "Fv",
        code: "fe",
        long_code: &["file", "source"],
        ..PLAIN
    },
    Interpreter {
        names: &["sed", "gsed"],
        flags: "nrEsuz",
        valued: "l",
        attached: "i",
        code: "ef",
        long_code: &["expression", "file"],
        habit: Habit::Mixes,
    },
    // Of these no option is known.
    Interpreter {
        names: &[
            "bun",
            "csh",
            "tcsh",
            "deno",
            "elixir",
            "expect",
            "gdb",
            "guile",
            "irb",
            "julia",
            "ocaml",
            "osascript",
            "psql",
            "pwsh",
            "racket",
            "Rscript",
            "sqlite",
            "swipl",
            "tclsh",
            "wish",
        ],
        ..PLAIN
    },
];

const ANY: Launcher = Launcher {
    names: &[],
    operands: 0,
    flags: "",
    valued: "",
    refused: &[],
    traits: Traits::Plain,
};

static LAUNCHERS: [Launcher; 18] = [
    Launcher {
        names: &["env"],
        flags: "0iv",
        valued: "Cu",
        refused: &["S", "split-string"],
        traits: Traits::Assigns,
        ..ANY
    },
    Launcher {
        names: &["nice"],
        flags: "0123456789",
        valued: "n",
        ..ANY
    },
    Launcher {
        names: &["setsid"],
        flags: "cfw",
        ..ANY
    },
    Launcher {
        names: &["timeout"],
        operands: 1,
        flags: "fpv",
        valued: "ks",
        ..ANY
    },
    Launcher {
        names: &["xargs"],
        flags: "0oprtx",
        valued: "adEILnPs",
        traits: Traits::AppendsInput,
        ..ANY
    },
    Launcher {
        names: &["sudo"],
        flags: "AbBEHkKnNPS",
        valued: "CDghpRrtTuU",
        refused: &["e", "edit", "i", "login", "s", "shell"],
        traits: Traits::Assigns,
        ..ANY
    },
    Launcher {
        names: &["doas"],
        flags: "nL",
        valued: "Cu",
        refused: &["s"],
        ..ANY
    },
    Launcher {
        names: &["chroot"],
        operands: 1,
        traits: Traits::DefaultsToShell,
        ..ANY
    },
    Launcher {
        names: &["stdbuf"],
        valued: "eio",
        ..ANY
    },
    Launcher {
        names: &["ionice"],
        flags: "t",
        valued: "cn",
        ..ANY
    },
    Launcher {
        names: &["taskset"],
        operands: 1,
        flags: "ac",
        ..ANY
    },
    Launcher {
        names: &["chrt"],
        operands: 1,
        flags: "abdfiorR",
        valued: "DPT",
        ..ANY
    },
    Launcher {
        names: &["unshare"],
        flags: "cCfimnprTuU",
        valued: "GlRSw",
        traits: Traits::DefaultsToShell,
        ..ANY
    },
    Launcher {
        names: &["nsenter"],
        flags: "aFZ",
        valued: "GSt",
        traits: Traits::DefaultsToShell,
        ..ANY
    },
    Launcher {
        names: &["flock"],
        operands: 1,
        flags: "enosuxF",
        valued: "Ew",
        refused: &["c", "command"],
        ..ANY
    },
    // Of these no option is known.
    Launcher {
        names: &[
            "busybox",
            "catatonit",
            "chpst",
            "choom",
            "dbus-run-session",
            "dumb-init",
            "fakeroot",
            "gosu",
            "ltrace",
            "nohup",
            "numactl",
            "prlimit",
            "setpriv",
            "strace",
            "su-exec",
            "systemd-run",
            "time",
            "tini",
            "toybox",
            "unbuffer",
        ],
        ..ANY
    },
    Launcher {
        names: &[
            "bwrap", "firejail", "linux32", "linux64", "proot", "setarch",
        ],
        traits: Traits::DefaultsToShell,
        ..ANY
    },
    Launcher {
        names: &[
            "at", "batch", "mosh", "parallel", "rsh", "runuser", "script", "ssh", "su", "watch",
        ],
        operands: 1,
        traits: Traits::JoinsToCode,
        ..ANY
    },
];
