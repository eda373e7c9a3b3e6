//! A picture file as an image of the model's size.

use std::path::Path;

use ringfence_runtime::Model;

use crate::cli::CliError;

/// The bytes of a PNG or JPEG picture, channel-height-width, eight bits a value. Nothing is scaled or cropped: the
/// size must be the model's.
pub(super) fn read(path: &Path, model: &Model<'_>) -> Result<Vec<u8>, CliError> {
    let picture = image::open(path)
        .map_err(|error| CliError::failed(format!("{}: not a picture", path.display()), error))?;
    let input = model.input();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if (width, height) != (input.width, input.height) {
        return Err(CliError::Usage(format!(
            "{}: the picture is {width}x{height} pixels (width x height), the model expects {}x{}",
            path.display(),
            input.width,
            input.height
        )));
    }
    let interleaved = match input.channels {
        1 => picture.into_luma8().into_raw(),
        2 => picture.into_luma_alpha8().into_raw(),
        3 => picture.into_rgb8().into_raw(),
        4 => picture.into_rgba8().into_raw(),
        channels => {
            return Err(CliError::Usage(format!(
                "{}: no picture has the {channels} channels that the model expects",
                path.display()
            )));
        }
    };
    let channel = |c: usize| interleaved.iter().skip(c).step_by(input.channels).copied();
    Ok((0..input.channels).flat_map(channel).collect())
}
