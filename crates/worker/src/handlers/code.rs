//! Keeps a payload from becoming code or naming a program: reads a declared command line as the
//! programs in it would. Where it cannot tell how they would read it, it refuses.
//!
//! What no table of [`programs`](super::programs) knows is taken for a program that runs nothing
//! but itself.

use super::command::Stdin;
use super::programs::{Habit, Interpreter, Known, Launcher, Traits, known};
use super::template::Template;

/// What a payload can reach of a command line, beside its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// What stands on the standard input.
    pub(super) stdin: Stdin,
    /// Whether a text of the payload may begin an argument with `-`.
    pub(super) allow_leading_dash: bool,
}

/// Why a command line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsafe {
    #[error(
        "a parameter here would be run as code or name what is run: pass it as an argument \
         behind a fixed script or program, behind \"--\" if need be, and in code use \"$1\""
    )]
    Parameter,
    #[error(
        "the payload on its standard input would be run as code: set stdin = \"none\", or \
         name a fixed script"
    )]
    Input,
}

/// Checks the command line of a program.
pub(super) fn check(program: &str, rest: &[Template], reach: Reach) -> Result<(), Unsafe> {
    match known(program) {
        Some(Known::Interpreter(interpreter)) => Reading::new(interpreter, reach).read(rest),
        Some(Known::Launcher(launcher)) => launch(launcher, rest, reach),
        None => look_for_code(rest),
    }
}

/// A program that is not known may run others (`find -exec`): where one of its arguments names an
/// interpreter, no parameter comes between that one's option for code and the code.
fn look_for_code(rest: &[Template]) -> Result<(), Unsafe> {
    let mut interpreter = None;
    let mut awaits_code = false;
    for template in rest {
        let Some(text) = template.fixed() else {
            if awaits_code {
                return Err(Unsafe::Parameter);
            }
            continue;
        };
        if let Some(Known::Interpreter(found)) = known(text) {
            interpreter = Some(found);
        }
        let option = interpreter.map(|interpreter| interpreter_option(interpreter, text));
        awaits_code = option == Some(Opt::Code) || awaits_code && text.starts_with(['-', '+']);
    }
    Ok(())
}

/// Finds the program of a launcher: everything up to it is fixed.
fn launch(launcher: &Launcher, rest: &[Template], reach: Reach) -> Result<(), Unsafe> {
    let joins = launcher.traits == Traits::JoinsToCode;
    if joins && rest.iter().any(Template::has_parameters) {
        return Err(Unsafe::Parameter);
    }
    let (mut operands, mut values, mut is_over) = (launcher.operands, 0_usize, false);
    for (index, template) in rest.iter().enumerate() {
        let text = template.fixed().ok_or(Unsafe::Parameter)?;
        let behind = &rest[index + 1..];
        if !is_over && text == "--" {
            (is_over, values) = (true, 0);
        } else if !is_over && is_option(text, "-") {
            match launcher_option(launcher, text) {
                Opt::Flag => {}
                Opt::Value => values += 1,
                Opt::Code | Opt::CodeAttached | Opt::Unknown => return unsure(behind, reach),
            }
        } else if launcher.traits == Traits::Assigns && text.contains('=') {
            // A variable of the program.
        } else if values + operands > 0 {
            // The option before may have no value, and this be the program.
            if known(text).is_some() {
                run(launcher, (text, behind), reach)?;
            }
            match values {
                0 => operands -= 1,
                _ => values -= 1,
            }
        } else {
            return run(launcher, (text, behind), reach);
        }
    }
    match launcher.traits {
        Traits::DefaultsToShell | Traits::JoinsToCode => input_is_no_code(reach),
        Traits::Plain | Traits::Assigns | Traits::AppendsInput => Ok(()),
    }
}

/// The program of a launcher was found.
fn run(
    launcher: &Launcher,
    (program, rest): (&str, &[Template]),
    reach: Reach,
) -> Result<(), Unsafe> {
    // Words of the input would stand behind, or anywhere, among its arguments.
    if launcher.traits == Traits::AppendsInput && known(program).is_some() {
        input_is_no_code(reach)?;
    }
    check(program, rest, reach)
}

/// How far the arguments of an interpreter have been read.
struct Reading {
    interpreter: &'static Interpreter,
    reach: Reach,
    /// Fixed arguments to come that may be values of options.
    values: usize,
    has_code: bool,
    awaits_code: bool,
    /// `--` was there.
    is_over: bool,
}

/// Whether there is more to read.
enum Next {
    More,
    /// The rest is data.
    Data,
}

impl Reading {
    fn new(interpreter: &'static Interpreter, reach: Reach) -> Self {
        Self {
            interpreter,
            reach,
            values: 0,
            has_code: false,
            awaits_code: false,
            is_over: false,
        }
    }

    fn read(mut self, rest: &[Template]) -> Result<(), Unsafe> {
        for (index, template) in rest.iter().enumerate() {
            let next = match template.fixed() {
                None => self.parameter(template)?,
                Some(text) if self.is_unknown(text) => {
                    return unsure(&rest[index + 1..], self.reach);
                }
                Some(text) => self.text(text)?,
            };
            if let Next::Data = next {
                return Ok(());
            }
        }
        if self.has_code {
            return Ok(());
        }
        input_is_no_code(self.reach)
    }

    /// A parameter is data behind the code, where it can be no option.
    fn parameter(&self, template: &Template) -> Result<Next, Unsafe> {
        let habit = self.interpreter.habit;
        if self.awaits_code || !self.has_code || habit == Habit::GoesOnToScript {
            return Err(Unsafe::Parameter);
        }
        let may_be_option = match template.leading_literal() {
            Some(text) => text.starts_with('-'),
            None => self.reach.allow_leading_dash,
        };
        if may_be_option && !self.is_over {
            return Err(Unsafe::Parameter);
        }
        Ok(self.operand())
    }

    fn is_unknown(&self, text: &str) -> bool {
        let is_option = !self.is_over && !self.awaits_code && text != "--";
        is_option && interpreter_option(self.interpreter, text) == Opt::Unknown
            || text == "-" && !self.has_code
    }

    fn text(&mut self, text: &str) -> Result<Next, Unsafe> {
        if self.awaits_code {
            // A shell takes this for an option and the next one for the code.
            if text.starts_with(['-', '+']) {
                return Err(Unsafe::Parameter);
            }
            self.awaits_code = false;
            return Ok(self.code());
        }
        if !self.is_over && text == "--" {
            (self.is_over, self.values) = (true, 0);
            return Ok(Next::More);
        }
        if !self.is_over && is_option(text, self.interpreter.prefixes()) {
            match interpreter_option(self.interpreter, text) {
                Opt::Value => self.values += 1,
                Opt::Code => self.awaits_code = true,
                Opt::CodeAttached => return Ok(self.code()),
                Opt::Flag | Opt::Unknown => {}
            }
            return Ok(Next::More);
        }
        if self.values > 0 {
            self.values -= 1;
            return Ok(Next::More);
        }
        if !self.has_code && is_input(text) {
            input_is_no_code(self.reach)?;
        }
        // A script, or an operand behind the code.
        self.has_code = true;
        Ok(self.operand())
    }

    fn code(&mut self) -> Next {
        self.has_code = true;
        match self.interpreter.habit {
            Habit::Shell | Habit::Ends => Next::Data,
            Habit::GoesOn | Habit::GoesOnToScript | Habit::Mixes => Next::More,
        }
    }

    fn operand(&self) -> Next {
        match self.interpreter.habit {
            Habit::Mixes => Next::More,
            Habit::Shell | Habit::Ends | Habit::GoesOn | Habit::GoesOnToScript => Next::Data,
        }
    }
}

impl Interpreter {
    fn prefixes(&self) -> &'static str {
        match self.habit {
            Habit::Shell => "-+",
            Habit::Ends | Habit::GoesOn | Habit::GoesOnToScript | Habit::Mixes => "-",
        }
    }
}

/// What an option does to the arguments behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opt {
    Flag,
    /// The next argument may be its value.
    Value,
    /// The next argument is code.
    Code,
    CodeAttached,
    Unknown,
}

fn is_option(text: &str, prefixes: &str) -> bool {
    text.len() > 1 && text.starts_with(|first| prefixes.contains(first))
}

fn interpreter_option(interpreter: &Interpreter, text: &str) -> Opt {
    if !is_option(text, interpreter.prefixes()) {
        return Opt::Flag;
    }
    if let Some(long) = text.strip_prefix("--") {
        let (name, value) = long
            .split_once('=')
            .map_or((long, false), |it| (it.0, true));
        return match (interpreter.long_code.contains(&name), value) {
            (true, true) => Opt::CodeAttached,
            (true, false) => Opt::Code,
            (false, true) => Opt::Flag,
            (false, false) => Opt::Value,
        };
    }
    if interpreter.habit == Habit::Shell {
        return shell_option(interpreter, &text[1..]);
    }
    for (at, flag) in text.char_indices().skip(1) {
        let is_last = at + flag.len_utf8() == text.len();
        if interpreter.attached.contains(flag) {
            return Opt::Flag;
        }
        if interpreter.code.contains(flag) {
            return if is_last {
                Opt::Code
            } else {
                Opt::CodeAttached
            };
        }
        if interpreter.valued.contains(flag) {
            return if is_last { Opt::Value } else { Opt::Flag };
        }
        if !interpreter.flags.contains(flag) {
            return Opt::Unknown;
        }
    }
    Opt::Flag
}

/// In a shell `-c` and `-o` only say what the next operands are, wherever they stand in a word.
fn shell_option(shell: &Interpreter, flags: &str) -> Opt {
    let has = |some: &str| flags.contains(|flag| some.contains(flag));
    let is_known = |flag| {
        [shell.flags, shell.valued, shell.code]
            .concat()
            .contains(flag)
    };
    match (has(shell.code), has(shell.valued)) {
        _ if !flags.chars().all(is_known) => Opt::Unknown,
        (true, true) => Opt::Unknown,
        (true, false) => Opt::Code,
        (false, true) => Opt::Value,
        (false, false) => Opt::Flag,
    }
}

fn launcher_option(launcher: &Launcher, text: &str) -> Opt {
    if let Some(long) = text.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        return match launcher.refused.contains(&name) {
            true => Opt::Unknown,
            false if long.contains('=') => Opt::Flag,
            false => Opt::Value,
        };
    }
    for (at, flag) in text.char_indices().skip(1) {
        let is_last = at + flag.len_utf8() == text.len();
        if launcher
            .refused
            .iter()
            .any(|one| one.len() == 1 && one.contains(flag))
        {
            return Opt::Unknown;
        }
        if launcher.valued.contains(flag) {
            return if is_last { Opt::Value } else { Opt::Flag };
        }
        if !launcher.flags.contains(flag) {
            return Opt::Value;
        }
    }
    Opt::Flag
}

/// From here on anything may be code.
fn unsure(rest: &[Template], reach: Reach) -> Result<(), Unsafe> {
    if rest.iter().any(Template::has_parameters) {
        return Err(Unsafe::Parameter);
    }
    input_is_no_code(reach)
}

fn input_is_no_code(reach: Reach) -> Result<(), Unsafe> {
    match reach.stdin {
        Stdin::Payload => Err(Unsafe::Input),
        Stdin::None => Ok(()),
    }
}

fn is_input(script: &str) -> bool {
    script == "/dev/stdin" || script.starts_with("/dev/fd/") || script.starts_with("/proc/")
}
