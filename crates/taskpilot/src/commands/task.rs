//! `taskpilot task create|get|list|tree|edit|delete|bind|cancel|watch`.

mod arguments;
mod batch;
mod cancel;
mod cancel_many;
mod create;
mod edit;
mod list;
mod tree;
mod watch;

pub(crate) use arguments::TaskCommand;

use taskpilot_domain::ids::TaskId;

use super::wait::Patience;
use super::{Session, describe};
use crate::exit::{Code, Failure};
use crate::output::{self, Format};

pub(crate) async fn run(command: TaskCommand, session: Session) -> Result<Code, Failure> {
    match command {
        TaskCommand::Create(create) => create::run(*create, &session).await,
        TaskCommand::Get { id, .. } => get(&session, id).await,
        TaskCommand::Rerun(rerun) => create::rerun(*rerun, &session).await,
        TaskCommand::List(filter) => list::run(filter, &session).await,
        TaskCommand::Tree { id, .. } => tree::run(id, &session).await,
        TaskCommand::Edit(edit) => edit::run(edit, &session).await,
        TaskCommand::Delete { id, .. } => edit::delete(id, &session).await,
        TaskCommand::Bind(bind) => create::bind(*bind, &session).await,
        TaskCommand::Cancel(cancel) => cancel::run(cancel, &session).await,
        TaskCommand::Watch { id, timeout, .. } => {
            watch::run(id, Patience::new(&session, timeout), &session).await
        }
    }
}

async fn get(session: &Session, id: TaskId) -> Result<Code, Failure> {
    let task = session.client.get(id.get()).await?;
    if session.format == Format::Json {
        output::json(&task)?;
        return Ok(Code::Ok);
    }
    let mut facts = describe::task(&task);
    if task.scheduler_task_id.is_some() {
        match session.client.execution(id.get()).await {
            Ok(view) => facts.extend(describe::execution(&view)),
            Err(error) => facts.push(("state", format!("unavailable: {error}"))),
        }
    }
    output::facts(&facts);
    Ok(Code::Ok)
}
